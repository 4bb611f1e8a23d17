"""Optional packages: if one is missing, the error names the extra that installs it."""

from .errors import Invalid


def check_parquet(field: str | None = None) -> None:
    """Raise `Invalid` if pyarrow is not installed; it names the extra, and `field`, the setting that needs it."""
    check_arrow("Parquet", field)


def check_arrow(what: str, field: str | None = None) -> None:
    """Raise `Invalid` if pyarrow is not installed: it says that `what` needs the extra."""
    try:
        import pyarrow.parquet  # noqa: F401 - whether it is there
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pyarrow":
            raise
        raise Invalid(
            f"{what} needs the extra 'parquet': pip install 'salesmanago-async[parquet]'", field=field
        ) from None


def check_postgresql(field: str | None = None) -> None:
    """Raise `Invalid` if psycopg is not installed; it names the extra, and `field`, which needs it."""
    try:
        import psycopg  # noqa: F401 - whether it is there
    except ImportError as error:  # without libpq, psycopg is there and cannot be imported
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] != "psycopg":
            raise
        raise Invalid(
            "a PostgreSQL database needs the extra 'postgres': pip install 'salesmanago-async[postgres]'", field=field
        ) from None


def check_excel(field: str | None = None) -> None:
    """Raise `Invalid` if python-calamine is not installed; it names the extra, and `field`, which needs it."""
    try:
        import python_calamine  # noqa: F401 - whether it is there
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "python_calamine":
            raise
        raise Invalid("Excel needs the extra 'excel': pip install 'salesmanago-async[excel]'", field=field) from None
