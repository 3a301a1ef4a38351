"""The template of a bundle's composed queries, or another in its place."""

from models.bundle import Bundle, Manifest
from models.errors import BundleBroken, ConfigError
from models.tokenizer import SLOT, TEXT, Template, Tokenizer


def of_bundle(opened: Bundle, tokenizer: Tokenizer) -> Template:
    """The manifest's template; raises BundleBroken if its slot is not the one that the graphs use."""
    try:
        template = Template.parse(opened.manifest.template)
        slot = tokenizer.slot(template)
    except ConfigError as error:
        raise BundleBroken(f"the template of the bundle {opened.path} cannot be used: {error}") from error
    if slot != opened.manifest.slot:
        raise BundleBroken(
            f"the bundle {opened.path} has its pseudo-word at {opened.manifest.slot}, its template at {slot}:"
            " export it again"
        )
    return template


def another(template: str, manifest: Manifest, tokenizer: Tokenizer) -> Template:
    """Parse a template; raises ConfigError if its pseudo-word is not where the graphs have it, or it has no text."""
    parsed = Template.parse(template)
    if TEXT not in template or tokenizer.slot(parsed) != manifest.slot:
        raise ConfigError(
            f"the template {template!r} does not go with {manifest.model_id}: write {TEXT} into it, and {SLOT} as in"
            f" {manifest.template!r}, if that has one"
        )
    return parsed
