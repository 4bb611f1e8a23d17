"""From a file link to records, and from records to a file.

An export is whole, or an error. The file is fetched at full speed, while its link is valid, to an unnamed temporary
file that only its owner can read. Records are parsed while it arrives. A transfer that breaks goes on where it stopped,
if the host proves that it is still the same file. Otherwise the file is fetched again and compared, byte by byte.

The length, the end of the JSON array, and the directory and checksums of a ZIP are checked. So each record comes once,
and a file that was cut is never a short list. Damaged characters are replaced, counted and named; `strict=True` refuses
them. An archive is read within limits on its size, its ratio and its parts, and the names in it are never used.

A saved file gets its name when it is complete. Whatever ends the export before leaves the older file of that name. A
kill also leaves a hidden file beside it (`.NAME.….part`), which an export to the same name removes an hour later.

Links lead nowhere else. Signed links, credentials and addresses are in no log, error or journal. A link of an https
account is never fetched over http, or from this machine, a private or a link-local address. A redirect of a call is
never followed. An answer of the API may have 64 MB, however small it was packed.

Limits: a record may have 16 MiB, and white space 12 MiB in a row. A file that is a single object is parsed in one step.
"""
