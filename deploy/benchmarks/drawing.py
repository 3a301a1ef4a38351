"""Pictures drawn a second by one core, over all categories; prints one line a size. Run it by `make bench`."""

import sys
import time

from training.catalogue.draw import draw
from training.catalogue.world import sample

PICTURES = 600


def main() -> int:
    shop = [sample.product(index, split="test", seed=7) for index in range(PICTURES)]
    for size in (96, 128, 256):
        draw.draw(shop[0], size=size)  # the first one parses the paths
        began = time.process_time()
        for product in shop:
            draw.draw(product, size=size)
        print(f"drawing at {size} px: {PICTURES / (time.process_time() - began):.0f} pictures a second of CPU time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
