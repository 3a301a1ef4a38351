"""Small copies of the four published benchmarks: files of the same format, and images of noise."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

ASPECTS = ("cardinality", "addition", "negation")


def picture(path: Path, *, seed: int, size: tuple[int, int] = (40, 32)) -> None:
    """Write an image of a few coloured patches, width by height."""
    patches = np.random.Generator(np.random.PCG64(seed)).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(patches).resize(size, Image.Resampling.NEAREST).save(path)


def document(path: Path, content: object) -> None:
    """Write a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def fashioniq(folder: Path) -> None:
    """Write three categories of 9 images and 5 queries, one caption of them blank; one image is a PNG."""
    random = Random(1)
    for number, category in enumerate(("dress", "shirt", "toptee")):
        names = [f"B{number}{row:03}" for row in range(9)]
        for row, name in enumerate(names):
            picture(folder / "images" / f"{name}.{'png' if row == 3 else 'jpg'}", seed=100 * number + row)
        queries = []
        for row in range(5):
            candidate, target = random.sample(names[:8], 2)  # no query uses the last
            captions = ["is red", "has long sleeves. "] if row else ["is blue", "  "]
            queries.append({"candidate": candidate, "target": target, "captions": captions})
        document(folder / "captions" / f"cap.{category}.val.json", queries)
        document(folder / "image_splits" / f"split.{category}.val.json", names)


def cirr(folder: Path, *, sets: int = 2) -> None:
    """Write two sets of six in each split, or more; test1 hides its targets."""
    for split, start in (("val", 0), ("test1", 100)):
        names = [f"{split}-{set_}-{place}" for set_ in range(sets) for place in range(6)]
        places = {name: f"./{split}/{name}.png" for name in names}
        for seed, name in enumerate(names, start):
            picture(folder / split / f"{name}.png", seed=seed)
        rows: list[dict[str, object]] = []
        for number in range(6):
            members = names[:6] if number % 2 else names[6:12]
            reference, target = members[number % 6], members[(number + 2) % 6]
            row: dict[str, object] = {"pairid": 10 + number, "reference": reference, "caption": "show two red dresses"}
            img_set: dict[str, object] = {"id": number % 2, "members": members, "reference_rank": 3}
            if split == "val":
                row |= {"target_hard": target, "target_soft": {target: 1.0}}
                img_set |= {"target_rank": 4}
            rows.append({**row, "img_set": img_set})
        document(folder / "cirr" / "captions" / f"cap.rc2.{split}.json", rows)
        document(folder / "cirr" / "image_splits" / f"split.rc2.{split}.json", places)


def circo(folder: Path) -> None:
    """Write sixty images and four queries of each split, with one to six answers each in val."""
    ids = [1_000 + 7 * row for row in range(60)]
    images = [{"id": id, "file_name": f"{id:012}.jpg"} for id in ids]
    below = folder / "COCO2017_unlabeled"
    for seed, image in enumerate(images):
        picture(below / "unlabeled2017" / str(image["file_name"]), seed=seed)
    document(below / "annotations" / "image_info_unlabeled2017.json", {"images": images})
    for split in ("val", "test"):
        rows = []
        for number in range(4):
            row: dict[str, object] = {"reference_img_id": ids[number], "shared_concept": "a dress"}
            answers = ids[10 + 6 * number : 11 + 7 * number]
            known = {"target_img_id": answers[0], "gt_img_ids": answers, "semantic_aspects": ASPECTS[: 1 + number % 3]}
            rows.append(
                {**row, "relative_caption": "has two of them", "id": number, **(known if split == "val" else {})}
            )
        document(folder / "annotations" / f"{split}.json", rows)


def genecis(folder: Path) -> None:
    """Write three queries of each of the four tasks, with as many distractors as the real ones have."""
    for image in range(20):
        picture(folder / "VG_100K_all" / f"{2_300 + image}.jpg", seed=image, size=(90, 70))
        picture(folder / "val2017" / f"{image:012}.jpg", seed=40 + image)
    random = Random(3)
    for task in ("focus_attribute", "change_attribute", "focus_object", "change_object"):
        rows = []
        for number in range(3):
            count = (10 if task == "focus_attribute" else 15) + 1
            shown: list[dict[str, object]]
            if task.endswith("object"):
                shown = [{"val_image_id": image} for image in random.sample(range(20), count)]
            else:
                shown = [_boxed(image, random) for image in random.sample(range(20), count)]
            reference, target, *gallery = shown
            words = ("colour", "red dress", "with two sleeves")[number]
            rows.append({"reference": reference, "target": target, "gallery": gallery, "condition": words})
        document(folder / f"{task}.json", rows)


def _boxed(image: int, random: Random) -> dict[str, object]:
    box = [random.randrange(40), random.randrange(30), random.randrange(10, 50), random.randrange(10, 40)]
    return {"image_id": str(2_300 + image), "instance_bbox": box}


WRITERS: Mapping[str, Callable[[Path], None]] = {
    "fashioniq": fashioniq,
    "cirr": cirr,
    "circo": circo,
    "genecis": genecis,
}
