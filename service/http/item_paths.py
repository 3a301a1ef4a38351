"""The paths of items and their images: an id is any text, also with slashes and line breaks."""

from starlette.convertors import PathConvertor, register_url_convertor


class ItemIdConvertor(PathConvertor):
    """Matches the rest of a path; Starlette's own ends at a line break."""

    regex = "(?s:.*)"


register_url_convertor("path", ItemIdConvertor())  # under the name that the labels of metrics and logs have
ITEM = "/items/{id:path}"
IMAGE = "/images/{id:path}"
