"""Runs the whole pipeline on the shared photos: hands, reprojection, penetration, time; one overlay a photo.

    python benchmarks/eval_pipeline.py [SHARED_FOLDER] --out out/photos

The photos may not be redistributed: keep what this writes to yourself.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
import time
from pathlib import Path

from PIL import Image, ImageDraw

import a2p


def main() -> None:
    """Prints one row a photo and a summary; writes overlays and a contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", nargs="?", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    parser.add_argument("--out", type=Path, default=Path("out/photos"))
    parser.add_argument("--max-hands", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3, help="runs a photo; the median time is printed")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.shared / "photos" / "manifest.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    reconstructor = a2p.Reconstructor(max_hands=options.max_hands)
    reconstructor(options.shared / "photos" / rows[0]["file"])
    shares, deepest, two_hand_times, stage_times, tiles = [], [], [], [], []
    print("| photo | contact | hands | reprojection, % of diagonal | penetration before > after, mm | ms |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        path = options.shared / "photos" / row["file"]
        times = []
        for _ in range(options.repeat):
            start = time.perf_counter()
            result = reconstructor(path)
            times.append(1000 * (time.perf_counter() - start))
        share = [_share(hand) for hand in result.hands]
        shares += share
        deepest.append((result.penetration.max_mm, bool(result.warnings)))
        if len(result.hands) == 2:
            two_hand_times.append(statistics.median(times))
            stage_times.append(result.timings_ms)
        hands = ", ".join(f"{hand.handedness} {hand.score:.2f}/{hand.confidence:.2f}" for hand in result.hands)
        print(
            f"| {row['file'][-40:]} | {row['interacting']} | {hands} | {', '.join(f'{s:.2f}' for s in share)} "
            f"| {result.penetration_before.max_mm:.1f} > {result.penetration.max_mm:.1f} "
            f"| {statistics.median(times):.0f} |",
            flush=True,
        )
        picture = result.overlay(aside=True)
        picture.save(options.out / f"{path.stem}.png")
        tiles.append((row["file"], picture))
    _contact_sheet(tiles).save(options.out / "sheet.png")
    print()
    print(f"hands: {len(shares)}; reprojection: mean {statistics.mean(shares):.2f} %, worst {max(shares):.2f} %")
    print(f"deepest penetration: {max(depth for depth, _ in deepest):.2f} mm")
    print(f"photos of two hands, median: {statistics.median(two_hand_times):.0f} ms ({len(two_hand_times)} photos)")
    stages = {name: statistics.median(times[name] for times in stage_times) for name in stage_times[0]}
    print("their stages, median: " + ", ".join(f"{name} {time_ms:.1f} ms" for name, time_ms in stages.items()))


def _share(hand: a2p.Hand) -> float:
    x0, y0, x1, y1 = hand.box_xyxy_px
    return 100.0 * hand.reprojection_error_px / math.hypot(x1 - x0, y1 - y0)


def _contact_sheet(tiles: list[tuple[str, Image.Image]], *, width: int = 480, columns: int = 4) -> Image.Image:
    small = []
    for name, picture in tiles:
        tile = Image.new("RGB", (width, width * 3 // 4 + 14), "white")
        picture.thumbnail((width, width * 3 // 4))
        tile.paste(picture, (0, 14))
        ImageDraw.Draw(tile).text((2, 1), name[-60:], fill="black")
        small.append(tile)
    rows = math.ceil(len(small) / columns)
    sheet = Image.new("RGB", (columns * width, rows * (width * 3 // 4 + 14)), "white")
    for index, tile in enumerate(small):
        sheet.paste(tile, (index % columns * width, index // columns * tile.height))
    return sheet


if __name__ == "__main__":
    main()
