from typing import Literal

StartIndexJobFormat = Literal["csv", "jsonl", "parquet", "tsv", "xml"]

START_INDEX_JOB_FORMAT_VALUES: set[StartIndexJobFormat] = {
    "csv",
    "jsonl",
    "parquet",
    "tsv",
    "xml",
}


def check_start_index_job_format(value: str) -> StartIndexJobFormat:
    if value in START_INDEX_JOB_FORMAT_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {START_INDEX_JOB_FORMAT_VALUES!r}")
