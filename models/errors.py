"""All errors. Each message says in one sentence what is wrong and the way out; none knows HTTP.

LikebutError
├── ConfigError              a setting or a config file that cannot be used
├── InputError               a caller's input that cannot be used
│   ├── UnreadableImage      bytes that are not a whole image
│   │   ├── NotAnImage       bytes of an image type that is not read
│   │   └── UnreachableImage an image that cannot be fetched at the moment
│   │       └── LateImage    an image that does not come in time
│   ├── ImageTooLarge        more bytes or pixels than the limit
│   │   └── ImageTooCostly   more CPU time or memory than the limit
│   └── SourceError          an index source that cannot be read as one
├── BundleError              an exported model folder
│   ├── BundleMissing        no complete bundle at the path
│   └── BundleBroken         a digest, schema, graph or self-test is wrong
├── DeadlineExceeded         work did not begin or end in time
├── ModelError               a language model does not answer
│   └── ModelRefused         the model refuses this one request
└── GalleryError             a gallery folder
    ├── GalleryMissing       no live snapshot at the path
    ├── GalleryBroken        a file is missing, damaged or of another schema
    ├── LossRefused          a build would remove more items than it may
    ├── GalleryMoved         the folder that was opened is no longer at its path
    ├── SnapshotOutdated     changes since it are no longer in the journal
    ├── SpaceMismatch        its vectors were made by another model
    ├── UnknownItem          no item of that id
    ├── UnknownSnapshot      no kept snapshot of that name
    ├── UnknownJob           no job of that id
    └── JobRunning           one rebuild at a time
"""


class LikebutError(Exception):
    """Base of all errors that are raised on purpose; the text is one sentence for a reader."""


class ConfigError(LikebutError):
    """A setting or a config file cannot be used."""


class InputError(LikebutError):
    """The caller's input cannot be used."""


class UnreadableImage(InputError):
    """The bytes are not a whole image."""


class NotAnImage(UnreadableImage):
    """The bytes are of an image type that is not read."""


class UnreachableImage(UnreadableImage):
    """The image may be there, but its host, store or disk does not deliver it at the moment."""


class PrivateHost(UnreachableImage):
    """The image's host has an address that is not public, and an operator has not allowed such."""


class LateImage(UnreachableImage):
    """The image does not come in time."""


class ImageTooLarge(InputError):
    """The image has more bytes or pixels than the limit."""


class ImageTooCostly(ImageTooLarge):
    """The image takes more CPU time or memory to decode than the limit."""


class SourceError(InputError):
    """An index source cannot be read as one."""


class BundleError(LikebutError):
    """An exported model folder cannot be used."""


class BundleMissing(BundleError):
    """No complete bundle is at the path."""


class BundleBroken(BundleError):
    """A digest, the schema, a graph or the self-test of a bundle is wrong."""


class DeadlineExceeded(LikebutError):
    """Work on a request did not begin or end before its deadline."""


class ModelError(LikebutError):
    """A language model does not answer at all."""


class ModelRefused(ModelError):
    """The language model refuses this one request; it may answer others."""


class GalleryError(LikebutError):
    """A gallery folder cannot be used."""


class GalleryMissing(GalleryError):
    """No live snapshot is at the path."""


class GalleryBroken(GalleryError):
    """A file of the gallery is missing, damaged or of another schema."""


class GalleryUnavailable(GalleryError):
    """The engine that holds the gallery on other machines does not answer at the moment."""


class LossRefused(GalleryError):
    """A build would remove more of the live items than it may."""


class GalleryMoved(GalleryError):
    """The folder that was opened is no longer at its path."""


class GalleryReadOnly(GalleryError):
    """This process may read the gallery and not change it."""


class SnapshotOutdated(GalleryError):
    """Changes since the opened snapshot are no longer in the journal: a newer snapshot holds them."""


class SpaceMismatch(GalleryError):
    """The gallery's vectors were computed by another model."""


class UnknownItem(GalleryError):
    """The gallery has no item of that id."""


class UnknownSnapshot(GalleryError):
    """The gallery keeps no snapshot of that name."""


class UnknownJob(GalleryError):
    """There is no job of that id."""


class JobRunning(GalleryError):
    """Another rebuild of the same gallery is running."""
