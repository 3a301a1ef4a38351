"""The house's errors. Each says in one sentence what is wrong and the way out; none knows HTTP.

LikebutError
├── ConfigError              a setting or a config file that cannot be used
├── InputError               what a caller gave cannot be used
│   ├── UnreadableImage      bytes that are not a whole picture
│   │   └── NotAnImage       bytes of no type of picture that we read
│   ├── ImageTooLarge        more bytes or pixels than the limit
│   └── SourceError          an index source that cannot be read as one
├── BundleError              an exported model folder
│   ├── BundleMissing        no complete bundle at the path
│   └── BundleBroken         a digest, schema, graph or self-test is wrong
├── ModelError               a model that is asked for words does not answer
│   └── ModelRefused         not this one request; others it may
└── GalleryError             a gallery folder
    ├── GalleryMissing       no live snapshot at the path
    ├── GalleryBroken        a file is missing, damaged or of another schema
    ├── SnapshotOutdated     changes since it are no longer in the journal
    ├── SpaceMismatch        its vectors were made by another model
    ├── UnknownItem          no item of that id
    ├── UnknownSnapshot      no kept snapshot of that name
    ├── UnknownJob           no job of that id
    └── JobRunning           one rebuild at a time
"""


class LikebutError(Exception):
    """Anything this house raises on purpose; its text is one sentence for a person."""


class ConfigError(LikebutError):
    """A setting or a config file cannot be used."""


class InputError(LikebutError):
    """What a caller gave cannot be used."""


class UnreadableImage(InputError):
    """The bytes are not a whole picture."""


class NotAnImage(UnreadableImage):
    """The bytes are of no type of picture that we read."""


class ImageTooLarge(InputError):
    """The picture has more bytes or pixels than the limit."""


class SourceError(InputError):
    """An index source cannot be read as one."""


class BundleError(LikebutError):
    """An exported model folder cannot be used."""


class BundleMissing(BundleError):
    """No complete bundle is at the path."""


class BundleBroken(BundleError):
    """A digest, the schema, a graph or the self-test of a bundle is wrong."""


class ModelError(LikebutError):
    """A model that is asked for words does not answer at all."""


class ModelRefused(ModelError):
    """The model does not answer this one request; the others may still be asked."""


class GalleryError(LikebutError):
    """A gallery folder cannot be used as asked."""


class GalleryMissing(GalleryError):
    """No live snapshot is at the path."""


class GalleryBroken(GalleryError):
    """A file of the gallery is missing, damaged or of another schema."""


class SnapshotOutdated(GalleryError):
    """Changes since the opened snapshot are no longer in the journal: a newer snapshot holds them."""


class SpaceMismatch(GalleryError):
    """The gallery's vectors were made by another model than the one that asks."""


class UnknownItem(GalleryError):
    """The gallery has no item of that id."""


class UnknownSnapshot(GalleryError):
    """The gallery keeps no snapshot of that name."""


class UnknownJob(GalleryError):
    """There is no job of that id."""


class JobRunning(GalleryError):
    """Another rebuild of the same gallery is running."""
