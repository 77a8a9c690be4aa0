"""`a2p data render`: training pictures of hands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from a2p.cli.exit_codes import EXIT_OK


@dataclass(frozen=True, kw_only=True)
class RenderImages:
    """Renders training pictures with labels into numbered files. Goes on where a run was stopped."""

    count: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 1000
    """How many pictures."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("images")
    """Folder for the files; made when missing."""
    pairs: Path | None = None
    """Folder that `a2p data duet` wrote; without it 64 pairs are made first."""
    backgrounds: Path | None = None
    """Folder with photos for behind the hands."""
    hand_model: str = "open"
    """`open`, or a folder with MANO_RIGHT and MANO_LEFT."""
    size_px: int = 128
    """Width and height."""
    seed: int = 0
    """Which endless sequence the pictures are the beginning of."""
    threads: int = 0
    """Native threads; 0 takes all cores. The files are the same for any number."""
    sheet: Path | None = None
    """Writes the first 96 pictures as one contact sheet here, and no files."""

    def run(self) -> int:
        """Renders the pictures and returns the exit code."""
        from rich.console import Console
        from rich.progress import Progress

        from a2p.data.duet import load_shards, sample_pairs
        from a2p.data.duet_images import DuetImages, ImageSettings
        from a2p.data.duet_images.photos import read_photos
        from a2p.data.duet_images.renderer import PictureRenderer
        from a2p.data.duet_images.shards import write_image_shards
        from a2p.hand import HandModel

        pairs = sample_pairs(64, self.seed) if self.pairs is None else load_shards(self.pairs)
        photos = [] if self.backgrounds is None else read_photos(self.backgrounds)
        images = DuetImages(
            ImageSettings(size_px=self.size_px),
            renderer=PictureRenderer(HandModel.load_pair(self.hand_model), photos),
            pairs=pairs,
            seed=self.seed,
            threads=self.threads,
        )
        if self.sheet is not None:
            return _write_sheet(images, self.sheet)
        console = Console(stderr=True)
        with Progress(console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("render", total=self.count)
            paths = write_image_shards(images, self.out, self.count, progress=lambda made: bar.advance(task, made))
        print(f"wrote {len(paths)} files to {self.out}")
        return EXIT_OK


def _write_sheet(images: object, path: Path) -> int:
    import numpy as np
    from PIL import Image

    from a2p.data.duet_images import DuetImages
    from a2p.data.duet_images.shards import contact_sheet

    assert isinstance(images, DuetImages)
    sheet = contact_sheet(images.batch(np.arange(96)), columns=12)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path, quality=80)
    print(f"wrote {path}")
    return EXIT_OK
