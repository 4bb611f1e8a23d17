"""Which optional packages are there: what needs one that is not says which extra brings it."""

from .errors import Invalid


def check_parquet(field: str | None = None) -> None:
    """Raise `Invalid`, naming the extra, and the field that asks for it, where pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401 - whether it is there
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pyarrow":
            raise
        raise Invalid(
            "Parquet needs the extra 'parquet': pip install 'salesmanago-async[parquet]'", field=field
        ) from None
