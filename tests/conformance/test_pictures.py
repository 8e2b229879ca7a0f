#!/usr/bin/env python3
"""The pictures that `pthview plot` and `trace --plot` draw, against NumPy and torch:
PYTHON test_pictures.py --pthview BIN [--golden DIR --update] [unittest arguments]

PYTHON has torch. Pictures of cells are read back from SVG (the embedded PNG holds a pixel a cell) and from PNG; whole
pictures are compared with those of golden/ by how they look: averages of small blocks may differ by a little, for
fonts are drawn a little otherwise by each version of the libraries.
"""
import argparse
import base64
import pathlib
import re
import shutil
import tempfile
import unittest
import xml.etree.ElementTree

import numpy
import torch

import png
import runner

ARGS = argparse.Namespace()
HERE = pathlib.Path(__file__).resolve().parent
SVG = "{http://www.w3.org/2000/svg}"
WHITE = numpy.array([247, 247, 247])
NAN, INFINITY, GAP = (255, 212, 0), (0, 200, 83), (203, 212, 226)
HOSTILE = '<script>alert(1)</script>&"\'\x1b[31m\u202e\ufffe]]>-->'


def lightness(colors):
    """Nearly what an eye sees: the luminance's cube root."""
    linear = (colors / 255.0)**2.2
    return numpy.cbrt(linear @ numpy.array([0.2126, 0.7152, 0.0722]))


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pthview-pictures-"))
        self.addCleanup(shutil.rmtree, self.folder)
        torch.manual_seed(1)

    def save(self, tensors, name="model.pth"):
        torch.save(tensors, self.folder / name)
        return self.folder / name

    def run_plot(self, *arguments, code=0, cwd=None):
        result = runner.run([ARGS.pthview, *arguments], 120, cwd=cwd)
        self.assertEqual(result.code, code, (arguments, result.err))
        wrong = runner.complaints(result, codes=(code,), megabytes=512)
        if wrong:
            self.fail("\n".join([" ".join(map(str, arguments)), *wrong]))
        return result

    def svg(self, file, *names, options=()):
        out = self.run_plot("plot", "-q", file, *names, *options, "--to", "svg", "-o", "-").out
        return xml.etree.ElementTree.fromstring(out)

    def texts(self, svg):
        return [element.text for element in svg.iter(SVG + "text")]

    def images(self, svg):
        found = []
        for element in svg.iter(SVG + "image"):
            head, _, data = element.get("href").partition(",")
            self.assertEqual(head, "data:image/png;base64")
            found.append(png.read(base64.b64decode(data)))
        return found

    def cells(self, tensor, *options):
        """The pixels of the first picture in the SVG, a pixel a cell, with its texts."""
        svg = self.svg(self.save({"w": tensor}), "w", options=options)
        return self.images(svg)[0], self.texts(svg)


class Heatmaps(Case):
    def test_a_pixel_a_value_and_colours_in_order(self):
        w = torch.randn(40, 60)
        pixels, texts = self.cells(w)
        self.assertEqual(pixels.shape, (40, 60, 3))
        values = w.numpy()
        light = lightness(pixels)
        # Clipped at both ends: of those inside, the farther from zero the darker; red above zero, blue below.
        limit = float(re.search(r"colours end at -([\d.]+)", "\n".join(texts))[1]) if any(
            "colours end" in text for text in texts) else numpy.abs(values).max()
        for sign in (1, -1):
            order = numpy.argsort(numpy.abs(values[(values * sign > 0) & (numpy.abs(values) < limit)]))
            some = light[(values * sign > 0) & (numpy.abs(values) < limit)][order]
            self.assertLess(numpy.max(numpy.diff(some)), 0.01)
        self.assertTrue((pixels[values > 0.1][:, 0] > pixels[values > 0.1][:, 2]).all())
        self.assertTrue((pixels[values < -0.1][:, 2] > pixels[values < -0.1][:, 0]).all())

    def test_zero_is_the_middle_and_opposite_values_are_equally_dark(self):
        w = torch.linspace(-2, 2, 41).reshape(1, 41).repeat(2, 1)
        pixels, _ = self.cells(w)
        self.assertTrue((pixels[0, 20] == WHITE).all(), pixels[0, 20])
        light = lightness(pixels[0].astype(float))
        self.assertLess(numpy.abs(light - light[::-1]).max(), 0.06)
        scale = self.texts(self.svg(self.save({"w": w}), "w"))
        for text in ("-2", "0", "2"):
            self.assertIn(text, scale)

    def test_large_tensors_are_means_of_blocks_and_it_is_said(self):
        w = torch.zeros(1200, 1596)
        w[:600] += 1
        w[:, 798:] -= 2
        pixels, texts = self.cells(w)
        self.assertEqual(pixels.shape, (400, 532, 3))
        self.assertTrue(any("each cell is the mean of 3 x 3 values" == text for text in texts), texts)
        corners = {tuple(pixels[y, x].tolist()) for y in (0, 399) for x in (0, 531)}
        self.assertEqual(len(corners), 4)
        self.assertTrue((pixels[399, 0] == WHITE).all())
        self.assertTrue((pixels[:200, :266] == pixels[0, 0]).all() and (pixels[200:, 266:] == pixels[399, 531]).all())

    def test_a_sample_is_called_one(self):
        w = torch.ones(1, 1).expand(1 << 20, 1 << 20)
        file = self.folder / "giant.pth"
        torch.save({"w": w}, file)
        pixels, texts = self.images(self.svg(file, "w"))[0], self.texts(self.svg(file, "w"))
        self.assertTrue(any("a sample" in text for text in texts), texts)
        self.assertEqual(len(numpy.unique(pixels.reshape(-1, 3), axis=0)), 1)

    def test_one_nan_of_a_million_is_seen_and_named(self):
        w = torch.randn(1200, 1200)
        w[601, 301] = float("nan")
        w[7, 1100] = -float("inf")
        pixels, texts = self.cells(w)
        cell = lambda i, cells: ((i + 1) * cells - 1) // 1200  # the last one that begins no later
        self.assertEqual(pixels[cell(601, 400), cell(301, 532)].tolist(), list(NAN))
        self.assertEqual(pixels[cell(7, 400), cell(1100, 532)].tolist(), list(INFINITY))
        odd = numpy.all(pixels == NAN, axis=2) | numpy.all(pixels == INFINITY, axis=2)
        self.assertEqual(numpy.count_nonzero(odd), 2)
        self.assertIn("NaN (1)", texts)
        self.assertIn("infinite (1)", texts)

    def test_a_far_value_does_not_take_the_colours(self):
        w = torch.randn(100, 100)
        w[3, 4] = 1e6
        pixels, texts = self.cells(w)
        self.assertLess(numpy.mean(numpy.all(pixels == WHITE, axis=2)), 0.1)
        self.assertTrue(any("what is beyond has the colour of the end" in text for text in texts))

    def test_of_every_kind_of_tensor(self):
        q = torch.quantize_per_channel(torch.randn(6, 5), torch.rand(6) + .01, torch.zeros(6), 0, torch.qint8)
        kinds = {"float16": torch.randn(6, 5).half(), "bfloat16": torch.randn(6, 5).bfloat16(), "float64": torch.randn(6, 5).double(),
                 "int": torch.randint(-9, 9, (6, 5)), "uint8": torch.randint(0, 255, (6, 5), dtype=torch.uint8),
                 "bool": torch.rand(6, 5) > .5, "complex": torch.randn(6, 5, dtype=torch.complex64), "q": q,
                 "coo": torch.eye(6, 5).to_sparse(), "csr": torch.eye(6, 5).to_sparse_csr(),
                 "transposed": torch.randn(5, 6).t(), "float8": torch.randn(6, 5).to(torch.float8_e4m3fn)}
        file = self.save(kinds)
        for name, tensor in kinds.items():
            with self.subTest(name):
                svg = self.svg(file, name)
                pixels = self.images(svg)[0]
                truth = tensor.dequantize() if name == "q" else tensor.to_dense() if name in ("coo", "csr") else tensor
                truth = (truth.abs() if truth.is_complex() else truth.float()).numpy()
                self.assertEqual(pixels.shape[:2], (6, 5))
                # Equal values have equal colours, and no two that are far apart have.
                low = numpy.unravel_index(truth.argmin(), truth.shape)
                high = numpy.unravel_index(truth.argmax(), truth.shape)
                self.assertGreater(numpy.abs(pixels[low].astype(int) - pixels[high]).sum(), 200)
                self.assertTrue((pixels[truth == truth.max()] == pixels[high]).all())

    def test_what_there_is_little_of(self):
        tensors = {"empty": torch.zeros(0, 4), "scalar": torch.tensor(3.), "one": torch.ones(1, 1), "zeros": torch.zeros(9, 9),
                   "nan": torch.full((4, 4), float("nan")), "inf": torch.full((4, 4), float("inf")), "none": torch.zeros(0)}
        file = self.save(tensors)
        for kind in ("heatmap", "histogram", "lines"):
            for name in tensors:
                with self.subTest(kind=kind, name=name):
                    svg = self.svg(file, name, options=("--kind", kind))
                    texts = self.texts(svg)
                    self.assertIn(name, texts)
                    if name in ("empty", "none"):
                        self.assertIn("no elements", texts)
        self.assertTrue((self.images(self.svg(file, "zeros"))[0] == WHITE).all())
        self.assertTrue((self.images(self.svg(file, "nan"))[0] == NAN).all())
        self.assertTrue((self.images(self.svg(file, "inf"))[0] == INFINITY).all())


class Filters(Case):
    def test_three_channels_are_colours(self):
        w = torch.zeros(4, 3, 2, 2)
        w[0, 0], w[1, 1], w[2, 2], w[3] = 1, 1, 1, -1
        pixels, texts = self.cells(w)
        colors = {tuple(c) for c in pixels.reshape(-1, 3).tolist()}
        self.assertEqual(colors, {GAP, (255, 128, 128), (128, 255, 128), (128, 128, 255), (0, 0, 0)})
        self.assertTrue(any("red, green, blue" in text for text in texts))

    def test_tiles_are_counted(self):
        w = torch.randn(20, 1, 5, 5).clamp(-0.5, 0.5)
        pixels, texts = self.cells(w)
        gap = (pixels == GAP).all(axis=2)
        rows, columns = gap.all(axis=1), gap.all(axis=0)
        down = numpy.count_nonzero(rows[:-1] & ~rows[1:])
        across = numpy.count_nonzero(columns[:-1] & ~columns[1:])
        self.assertEqual(down * across, 20)
        self.assertIn("20 filters, in reading order", texts)

    def test_many_channels_are_a_row_each_filter_and_what_is_left_out_is_said(self):
        w = torch.randn(64, 128, 3, 3)
        _, texts = self.cells(w)
        self.assertTrue(any("(32 of 64)" in text and "(40 of 128)" in text for text in texts), texts)
        self.assertTrue(any("of what is shown" in text for text in texts), texts)


class Heads(Case):
    def test_each_head_has_its_norm(self):
        w = torch.randn(64, 64)
        w[16:32] *= 5
        file = self.save({"attn.q_proj.weight": w})
        texts = self.texts(self.svg(file, "attn.q_proj.weight", options=("--heads", "4")))
        for head in range(4):
            norm = w[head * 16:head * 16 + 16].norm().item()
            self.assertIn(f"head {head}   norm {norm:.4g}", texts)
        self.assertIn("4 heads", texts)

    def test_the_recorded_number_is_taken_and_named(self):
        file = self.save({"config": {"num_attention_heads": 2}, "state_dict": {"layer.attention.self.key.weight": torch.randn(64, 64)}})
        texts = self.texts(self.svg(file, "layer.attention.self.key.weight"))
        self.assertIn("2 heads, as config.num_attention_heads says", texts)

    def test_an_assumed_number_is_called_one(self):
        texts = self.texts(self.svg(self.save({"x.self_attn.v_proj.weight": torch.randn(128, 128)}), "x.self_attn.v_proj.weight"))
        self.assertTrue(any("2 heads: assumed" in text for text in texts), texts)

    def test_query_key_and_value_of_one_matrix(self):
        attention = torch.nn.MultiheadAttention(32, 4)
        file = self.save(attention.state_dict())
        svg = self.svg(file, "in_proj_weight", options=("--heads", "4"))
        w = attention.in_proj_weight.detach()
        texts = self.texts(svg)
        for i, letter in enumerate("qkv"):
            for head in range(4):
                block = w[i * 32 + head * 8:i * 32 + head * 8 + 8]
                self.assertIn(f"{letter} {head}   norm {block.norm().item():.4g}", texts)
        self.assertEqual(len(self.images(svg)), 13, "12 parts and the scale")

    def test_outputs_are_cut_by_columns(self):
        w = torch.randn(32, 32)
        texts = self.texts(self.svg(self.save({"attn.out_proj.weight": w}), "attn.out_proj.weight", options=("--heads", "4")))
        self.assertIn(f"head 2   norm {w[:, 16:24].norm().item():.4g}", texts)

    def test_heads_that_do_not_divide(self):
        file = self.save({"attn.q_proj.weight": torch.randn(64, 64)})
        result = self.run_plot("plot", file, "attn.q_proj.weight", "--heads", "5", "-o", self.folder / "x.png", code=2)
        self.assertIn(b"do not divide", result.err)
        self.assertFalse((self.folder / "x.png").exists())


class Lines(Case):
    def polyline(self, svg):
        lines = [e for e in svg.iter(SVG + "polyline") if e.get("stroke") == "#1f5fa8"]
        return [numpy.array([[float(n) for n in point.split(",")] for point in line.get("points").split()]) for line in lines]

    def test_a_vector_is_a_line_through_its_values(self):
        v = torch.randn(50)
        points = self.polyline(self.svg(self.save({"v": v}), "v"))[0]
        self.assertEqual(points.shape, (50, 2))
        slope = numpy.polyfit(v.numpy(), points[:, 1], 1)
        self.assertLess(numpy.abs(numpy.polyval(slope, v.numpy()) - points[:, 1]).max(), 0.02)
        self.assertLess(slope[0], 0, "up is more")

    def test_a_gap_where_a_value_is_not_finite(self):
        v = torch.randn(50)
        v[20] = float("nan")
        svg = self.svg(self.save({"v": v}), "v")
        self.assertEqual([len(line) for line in self.polyline(svg)], [20, 29])
        self.assertIn("NaN (1)", self.texts(svg))

    def test_long_vectors_are_means_in_a_band(self):
        v = torch.randn(53200)
        svg = self.svg(self.save({"v": v}), "v")
        points = self.polyline(svg)[0]
        means = v.numpy().reshape(532, 100).mean(axis=1)
        self.assertGreater(numpy.corrcoef(means, -points[:, 1])[0, 1], 0.9999)
        self.assertEqual(len(list(svg.iter(SVG + "polygon"))), 1)
        self.assertTrue(any("means of about 100 values" in text for text in self.texts(svg)))

    def test_norms_of_an_embedding(self):
        w = torch.randn(40, 16) * torch.arange(40)[:, None]
        svg = self.svg(self.save({"embedding.weight": w}), "embedding.weight")
        points = self.polyline(svg)[0]
        norms = w.norm(dim=1).numpy()
        self.assertGreater(numpy.corrcoef(norms, -points[:, 1])[0, 1], 0.9999)
        self.assertTrue(any(f"the largest is row {norms.argmax()}; one is zero" in text for text in self.texts(svg)), self.texts(svg))

    def test_bars_are_the_histogram(self):
        v = torch.randn(5000)
        svg = self.svg(self.save({"v": v}), "v", options=("--kind", "histogram"))
        bars = [e for e in svg.iter(SVG + "rect") if e.get("fill") == "#1f5fa8"]
        note = next(text for text in self.texts(svg) if "bins of width" in text)
        counts, _ = numpy.histogram(v.numpy(), int(note.split()[0]))
        heights = numpy.array([float(e.get("height")) for e in bars])
        self.assertEqual(len(heights), numpy.count_nonzero(counts))
        self.assertGreater(numpy.corrcoef(heights, counts[counts > 0])[0, 1], 0.999)

    def test_a_trace_is_drawn_over_its_steps(self):
        files, norms = [], []
        for epoch in (1, 2, 4, 8):
            w = torch.randn(8, 8) * epoch
            norms.append(w.norm().item())
            files.append(self.save({"epoch": epoch, "state_dict": {"fc.weight": w}}, f"e{epoch}.pth"))
        out = self.run_plot("trace", "fc.weight", *files, "--plot", "--to", "svg", "-o", "-").out
        svg = xml.etree.ElementTree.fromstring(out)
        lines = self.polyline(svg)
        self.assertEqual([len(line) for line in lines], [4, 4, 3, 3], "mean, norm, update ratio, cosine to the first")
        self.assertGreater(numpy.corrcoef(norms, -lines[1][:, 1])[0, 1], 0.9999)
        self.assertGreater(numpy.corrcoef([1, 2, 4, 8], lines[1][:, 0])[0, 1], 0.9999)
        self.assertEqual(self.texts(svg).count("epoch"), 4)


class Files(Case):
    def test_hostile_names_are_text(self):
        file = self.save({HOSTILE: torch.randn(3, 3), "b" + HOSTILE: torch.randn(3)})
        svg = self.svg(file, "*")
        for element in svg.iter():
            self.assertIn(element.tag, [SVG + name for name in ("svg", "rect", "text", "image", "polyline", "polygon")])
            self.assertFalse([name for name in element.keys() if name.startswith("on")])
        self.assertTrue(any("<script>" in text for text in self.texts(svg)))
        out = self.run_plot("plot", file, "*", "--to", "png", "-o", "-").out
        self.assertGreater(png.read(out).shape[0], 100)

    def test_png_and_svg_show_the_same_cells(self):
        w = torch.randn(13, 19)
        file = self.save({"w": w})
        cells = self.images(self.svg(file, "w"))[0]
        picture = png.read(self.run_plot("plot", file, "w", "-o", "-").out)
        box = next(self.svg(file, "w").iter(SVG + "image"))
        x, y, width, height = (float(box.get(key)) for key in ("x", "y", "width", "height"))
        for row in range(13):
            for column in range(19):
                pixel = picture[int(y + (row + .5) * height / 13), int(x + (column + .5) * width / 19)]
                self.assertEqual(pixel.tolist(), cells[row, column].tolist(), (row, column))

    def test_a_folder_gets_a_file_each(self):
        file = self.save({"a.weight": torch.randn(3, 3), "a/weight": torch.randn(3), "../../up": torch.randn(3)})
        self.run_plot("plot", file, "*", "-o", f"{self.folder}/pictures/")
        names = sorted(p.name for p in (self.folder / "pictures").iterdir())
        self.assertEqual(len(names), 3)
        self.assertFalse([name for name in names if name.startswith(".")])
        self.assertFalse((self.folder.parent / "up.png").exists())

    def test_nothing_is_replaced_unless_asked(self):
        file = self.save({"w": torch.randn(3, 3)})
        out = self.folder / "w.png"
        out.write_bytes(b"mine")
        self.run_plot("plot", file, "w", "-o", out, code=2)
        self.assertEqual(out.read_bytes(), b"mine")
        self.run_plot("plot", file, "w", "-o", out, "--force")
        png.read(out.read_bytes())
        self.run_plot("plot", file, "w", "-o", file, "--to", "png", "--force", code=2)

    def test_one_that_cannot_be_drawn_has_its_reason_in_the_sheet(self):
        file = self.save({"a": torch.randn(3, 3), "b": torch.randn(3, 3, device="meta")})
        result = self.run_plot("plot", file, "a", "b", "-o", self.folder / "x.svg", code=2)
        svg = xml.etree.ElementTree.fromstring((self.folder / "x.svg").read_bytes())
        self.assertTrue(any(text.startswith("'b'") for text in self.texts(svg)), self.texts(svg))
        self.assertIn(b"'b'", result.err)

    def test_the_same_bytes_again(self):
        file = self.save({"w": torch.randn(30, 30)})
        for format in ("png", "svg"):
            first, second = (self.run_plot("plot", file, "w", "--to", format, "-o", "-").out for _ in range(2))
            self.assertEqual(first, second)


def golden_file():
    """Not torch's random numbers, which change between versions."""
    def wave(*shape):
        n = int(numpy.prod(shape))
        return torch.tensor([((i * 7919) % 1009) / 504.5 - 1 for i in range(n)]).reshape(shape) * torch.linspace(0.2, 1, shape[-1])
    return {"conv.weight": wave(8, 3, 5, 5), "fc.weight": wave(30, 50), "attn.q_proj.weight": wave(16, 16), "bias": wave(300),
            "embedding.weight": wave(90, 8)}


class Goldens(Case):
    def test_whole_pictures_look_as_they_did(self):
        file = self.save(golden_file())
        cases = {"sheet": (["conv.weight", "fc.weight", "attn.q_proj.weight", "embedding.weight"], []),
                 "dark": (["fc.weight"], ["--kind", "histogram", "--theme", "dark"])}
        for name, (tensors, options) in cases.items():
            with self.subTest(name):
                out = self.run_plot("plot", file, *tensors, *options, "-o", "-").out
                path = HERE / "golden" / f"plot_{name}.png"
                if ARGS.update:
                    path.parent.mkdir(exist_ok=True)
                    path.write_bytes(out)
                ours, theirs = png.read(out).astype(float), png.read(path.read_bytes()).astype(float)
                self.assertEqual(ours.shape, theirs.shape)
                block = 8
                height, width = (size // block * block for size in ours.shape[:2])
                far = (ours - theirs)[:height, :width].reshape(height // block, block, width // block, block, 3).mean(axis=(1, 3))
                self.assertLess(numpy.abs(far).mean(), 1.5)
                self.assertLess(numpy.abs(far).max(), 60)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pthview", required=True, type=pathlib.Path)
    parser.add_argument("--update", action="store_true", help="write golden/ anew: look at it before you keep it")
    parser.parse_known_args(namespace=ARGS)
    _, rest = parser.parse_known_args()
    ARGS.pthview = ARGS.pthview.resolve()
    unittest.main(argv=["test_pictures.py", *rest])


if __name__ == "__main__":
    main()
