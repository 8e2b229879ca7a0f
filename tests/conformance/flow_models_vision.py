"""Small vision models of torch.nn alone, named as people name theirs. Rows as in flow_models_plain.py."""
from collections import OrderedDict

import torch

from flow_models_plain import InTurn, Named, floats

nn = torch.nn
F = torch.nn.functional


def conv(a, b, size=3, **more):
    return nn.Conv2d(a, b, size, padding=size // 2, **more)


def norms(a, b):
    return nn.Sequential(conv(a, b, bias=False), nn.BatchNorm2d(b), nn.ReLU())


class DoubleConv(nn.Sequential):
    def __init__(self, a, b):
        super().__init__(conv(a, b, bias=False), nn.BatchNorm2d(b), nn.ReLU(), conv(b, b, bias=False), nn.BatchNorm2d(b), nn.ReLU())


class Wrapped(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.double_conv = DoubleConv(a, b)

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), Wrapped(a, b))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.up = nn.ConvTranspose2d(a, a // 2, 2, stride=2)
        self.conv = Wrapped(a, b)

    def forward(self, x, skip):
        return self.conv(torch.cat([skip, self.up(x)], 1))


class Out(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv = nn.Conv2d(a, b, 1)

    def forward(self, x):
        return self.conv(x)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inc = Wrapped(3, 8)
        self.down1, self.down2, self.down3, self.down4 = Down(8, 16), Down(16, 32), Down(32, 64), Down(64, 128)
        self.up1, self.up2, self.up3, self.up4 = Up(128, 64), Up(64, 32), Up(32, 16), Up(16, 8)
        self.outc = Out(8, 2)

    def forward(self, x):
        skips = [self.inc(x)]
        for down in (self.down1, self.down2, self.down3, self.down4):
            skips.append(down(skips[-1]))
        x = skips.pop()
        for up in (self.up1, self.up2, self.up3, self.up4):
            x = up(x, skips.pop())
        return self.outc(x)


class LevelsUNet(nn.Module):
    """Levels by name: enc1.., bottleneck, up4, dec4.., out; the joins are concatenated, or added."""

    def __init__(self, names=("enc{}", "bottleneck", "up{}", "dec{}", "out"), added=False, block=DoubleConv, first=3, f=8):
        super().__init__()
        self.names, self.added = names, added
        widths = [first, f, 2 * f, 4 * f, 8 * f]
        for i in range(1, 5):
            setattr(self, names[0].format(i), block(widths[i - 1], widths[i]))
        setattr(self, names[1], block(8 * f, 16 * f))
        for i in range(4, 0, -1):
            if names[2]:
                setattr(self, names[2].format(i), nn.ConvTranspose2d(2 * widths[i], widths[i], 2, stride=2))
            made = widths[i] if names[2] else 2 * widths[i]
            setattr(self, names[3].format(i), block(made if added else made + widths[i], widths[i]))
        setattr(self, names[4], nn.Conv2d(f, 2, 1))

    def forward(self, x):
        enc, bottleneck, up, dec, out = self.names
        skips = []
        for i in range(1, 5):
            x = getattr(self, enc.format(i))(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = getattr(self, bottleneck)(x)
        for i in range(4, 0, -1):
            x = getattr(self, up.format(i))(x) if up else F.interpolate(x, scale_factor=2)
            x = x + skips.pop() if self.added else torch.cat((x, skips.pop()), 1)
            x = getattr(self, dec.format(i))(x)
        return getattr(self, out)(x)


def named_block(a, b, name="enc"):
    return nn.Sequential(OrderedDict([
        (name + "conv1", conv(a, b, bias=False)), (name + "norm1", nn.BatchNorm2d(b)), (name + "relu1", nn.ReLU()),
        (name + "conv2", conv(b, b, bias=False)), (name + "norm2", nn.BatchNorm2d(b)), (name + "relu2", nn.ReLU())]))


class ListsUNet(nn.Module):
    """Downs and ups as lists: each two of ups an enlarging and a double convolution."""

    def __init__(self, widths=(8, 16, 32)):
        super().__init__()
        self.ups, self.downs = nn.ModuleList(), nn.ModuleList()
        a = 3
        for width in widths:
            self.downs.append(Wrapped(a, width))
            a = width
        for width in reversed(widths):
            self.ups.append(nn.ConvTranspose2d(2 * width, width, 2, stride=2))
            self.ups.append(Wrapped(2 * width, width))
        self.bottleneck = Wrapped(widths[-1], 2 * widths[-1])
        self.final_conv = nn.Conv2d(widths[0], 1, 1)

    def forward(self, x):
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for i in range(0, len(self.ups), 2):
            x = self.ups[i + 1](torch.cat((skips.pop(), self.ups[i](x)), 1))
        return self.final_conv(x)


class Basic(nn.Module):
    def __init__(self, a, b, stride=1, short="downsample", se=False):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
        self.conv2, self.bn2 = conv(b, b, bias=False), nn.BatchNorm2d(b)
        if se:
            self.se = Squeeze(b)
        self.short = short
        if stride != 1 or a != b:
            setattr(self, short, nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b)))

    def forward(self, x):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        y = self.se(y) if hasattr(self, "se") else y
        return y + (getattr(self, self.short)(x) if hasattr(self, self.short) else x)


class Squeeze(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(width, width // 4), nn.ReLU(), nn.Linear(width // 4, width), nn.Sigmoid())

    def forward(self, x):
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]


def resnet(short="downsample", head="fc", se=False):
    def make():
        layer = lambda a, b, stride: nn.Sequential(Basic(a, b, stride, short, se), Basic(b, b, 1, short, se))
        return InTurn(conv1=conv(3, 16, bias=False), bn1=nn.BatchNorm2d(16), layer1=layer(16, 16, 1), layer2=layer(16, 32, 2),
                      layer3=layer(32, 64, 2), avgpool=nn.AdaptiveAvgPool2d(1), **{head: nn.Linear(64, 10)})
    return make


class Wide(nn.Module):
    """Norms before convolutions; a shortcut where widths differ."""

    def __init__(self, a, b):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(a), conv(a, b, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(b), conv(b, b, bias=False)
        if a != b:
            self.shortcut = nn.Conv2d(a, b, 1, bias=False)

    def forward(self, x):
        h = self.bn1(x).relu()
        y = self.conv2(self.bn2(self.conv1(h)).relu())
        return y + (self.shortcut(h) if hasattr(self, "shortcut") else x)


class DenseLayer(nn.Module):
    def __init__(self, a, growth):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(a), nn.Conv2d(a, 4 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), conv(4 * growth, growth, bias=False)

    def forward(self, x):
        return torch.cat([x, self.conv2(self.norm2(self.conv1(self.norm1(x)).relu()).relu())], 1)


class Inception(nn.Module):
    """Branches side by side, as lists."""

    def __init__(self, a):
        super().__init__()
        self.b1 = norms(a, 8)
        self.b2 = nn.Sequential(*norms(a, 4), *norms(4, 8))
        self.b3 = nn.Sequential(*norms(a, 4), *norms(4, 8), *norms(8, 8))
        self.b4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), *norms(a, 4))

    def forward(self, x):
        return torch.cat([self.b1(x), self.b2(x), self.b3(x), self.b4(x)], 1)


class FiveConvs(nn.Module):
    """Each convolution takes all before; the last is added."""

    def __init__(self, width=16, growth=8):
        super().__init__()
        for i in range(1, 6):
            setattr(self, f"conv{i}", conv(width + (i - 1) * growth, growth if i < 5 else width))

    def forward(self, x):
        made = [x]
        for i in range(1, 5):
            made.append(getattr(self, f"conv{i}")(torch.cat(made, 1)).relu())
        return x + self.conv5(torch.cat(made, 1)) * 0.2


class Dense3(nn.Module):
    def __init__(self):
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = FiveConvs(), FiveConvs(), FiveConvs()

    def forward(self, x):
        return x + self.rdb3(self.rdb2(self.rdb1(x))) * 0.2


class Enlarger(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_first = conv(3, 16)
        self.body = nn.Sequential(Dense3(), Dense3())
        self.conv_body, self.conv_up1, self.conv_up2, self.conv_hr, self.conv_last = conv(16, 16), conv(16, 16), conv(16, 16), conv(16, 16), conv(16, 3)

    def forward(self, x):
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        x = self.conv_up2(F.interpolate(self.conv_up1(F.interpolate(x, scale_factor=2)), scale_factor=2))
        return self.conv_last(self.conv_hr(x))


class Block9(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv_block = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.BatchNorm2d(width), nn.ReLU(),
                                        nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.BatchNorm2d(width))

    def forward(self, x):
        return x + self.conv_block(x)


def translator():
    return InTurn(model=nn.Sequential(nn.Conv2d(3, 16, 7, padding=3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
                                      Block9(32), Block9(32), nn.ConvTranspose2d(32, 16, 3, 2, 1, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 3, 7, padding=3)))


class Pyramid(nn.Module):
    """Lateral convolutions, added from the top downwards, each smoothed."""

    def __init__(self):
        super().__init__()
        self.layer1, self.layer2, self.layer3 = norms(3, 16), norms(16, 32), norms(32, 64)
        self.lateral_convs = nn.ModuleList(nn.Conv2d(w, 8, 1) for w in (16, 32, 64))
        self.fpn_convs = nn.ModuleList(conv(8, 8) for _ in range(3))

    def forward(self, x):
        made = []
        for layer in (self.layer1, self.layer2, self.layer3):
            x = F.max_pool2d(layer(x), 2)
            made.append(x)
        sides = [lateral(x) for lateral, x in zip(self.lateral_convs, made)]
        for i in (1, 0):
            sides[i] = sides[i] + F.interpolate(sides[i + 1], scale_factor=2)
        return [out(x) for out, x in zip(self.fpn_convs, sides)]


class Unit(nn.Module):
    def __init__(self, a, b, size=1, stride=1):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(a, b, size, stride, size // 2, bias=False), nn.BatchNorm2d(b)

    def forward(self, x):
        return self.bn(self.conv(x)).relu()


class Bottle(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.cv1, self.cv2 = Unit(width, width, 3), Unit(width, width, 3)

    def forward(self, x):
        return x + self.cv2(self.cv1(x))


class SplitBlock(nn.Module):
    """Halves: one goes on, the other through the blocks, all joined."""

    def __init__(self, a, b, n=1):
        super().__init__()
        self.c = b // 2
        self.cv1, self.cv2 = Unit(a, b), Unit((2 + n) * self.c, b)
        self.m = nn.ModuleList(Bottle(self.c) for _ in range(n))

    def forward(self, x):
        y = list(self.cv1(x).split(self.c, 1))
        for block in self.m:
            y.append(block(y[-1]))
        return self.cv2(torch.cat(y, 1))


class Scales(nn.Module):
    """Boxes and classes of each level side by side."""

    def __init__(self, widths=(16, 32)):
        super().__init__()
        self.cv2 = nn.ModuleList(nn.Sequential(Unit(w, 16, 3), Unit(16, 16, 3), nn.Conv2d(16, 64, 1)) for w in widths)
        self.cv3 = nn.ModuleList(nn.Sequential(Unit(w, 20, 3), Unit(20, 20, 3), nn.Conv2d(20, 80, 1)) for w in widths)

    def forward(self, x):
        return [torch.cat((a(x), b(x)), 1) for a, b, x in zip(self.cv2, self.cv3, x)]


class Yolo(nn.Module):
    """A list of layers of which some take what earlier ones have made."""

    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(Unit(3, 16, 3, 2), SplitBlock(16, 16), Unit(16, 32, 3, 2), SplitBlock(32, 32), nn.Upsample(scale_factor=2),
                                   nn.Identity(), SplitBlock(48, 16), Unit(16, 16, 3, 2), nn.Identity(), SplitBlock(48, 32), Scales())

    def forward(self, x):
        m = self.model
        p1 = m[1](m[0](x))
        p2 = m[3](m[2](p1))
        up = m[6](torch.cat([m[4](p2), p1], 1))
        down = m[9](torch.cat([m[7](up), p2], 1))
        return m[10]([up, down])


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = torch.max_pool2d(self.conv2(torch.max_pool2d(self.conv1(x), 2)), 2)
        return self.fc3(self.fc2(self.fc1(x.flatten(1))))


class Points(nn.Module):
    """Points each for itself, the maximum of all, a head; norms are defined behind."""

    def __init__(self):
        super().__init__()
        for i, (a, b) in enumerate(((3, 16), (16, 32), (32, 64)), 1):
            setattr(self, f"conv{i}", nn.Conv1d(a, b, 1))
        self.fc1, self.fc2, self.fc3 = nn.Linear(64, 32), nn.Linear(32, 16), nn.Linear(16, 9)
        self.bn1, self.bn2, self.bn3, self.bn4, self.bn5 = (nn.BatchNorm1d(w) for w in (16, 32, 64, 32, 16))

    def forward(self, x):
        for c, n in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = n(c(x)).relu()
        x = x.amax(2)
        return self.fc3(self.bn5(self.fc2(self.bn4(self.fc1(x)).relu())).relu())


class Frames(nn.Module):
    """Temporal blocks with causal convolutions and a residual."""

    def __init__(self, a, b):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(a, b, 3, padding=1), nn.Conv1d(b, b, 3, padding=1)
        self.net = nn.Sequential(self.conv1, nn.ReLU(), self.conv2, nn.ReLU())
        if a != b:
            self.downsample = nn.Conv1d(a, b, 1)

    def forward(self, x):
        return (self.net(x) + (self.downsample(x) if hasattr(self, "downsample") else x)).relu()


class Inverted(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.same = a == b
        self.conv = nn.Sequential(nn.Conv2d(a, 4 * a, 1), nn.BatchNorm2d(4 * a), nn.ReLU(), nn.Conv2d(4 * a, 4 * a, 3, padding=1, groups=4 * a),
                                  nn.BatchNorm2d(4 * a), nn.ReLU(), nn.Conv2d(4 * a, b, 1), nn.BatchNorm2d(b))

    def forward(self, x):
        return x + self.conv(x) if self.same else self.conv(x)


class Recognizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(conv(3, 8), nn.ReLU(), nn.MaxPool2d(2), conv(8, 16), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(16 * 64, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def convs_and_norms(grouped):
    def make():
        rows = {"conv1": conv(3, 8), "bn1": nn.BatchNorm2d(8), "conv2": conv(8, 16), "bn2": nn.BatchNorm2d(16), "conv3": conv(16, 16), "bn3": nn.BatchNorm2d(16),
                "pool": nn.AdaptiveAvgPool2d(1), "fc": nn.Linear(16, 10)}
        order = sorted(rows, key=lambda name: (name[:2] == "fc", name[:2] == "bn")) if grouped else list(rows)
        return Named({name: rows[name] for name in order}, list(rows))
    return make


class Two(nn.Module):
    """Of what nothing tells whether the second takes what the first made."""

    def __init__(self):
        super().__init__()
        self.conv_a, self.conv_b, self.conv_out = conv(8, 8), conv(8, 8), conv(8, 3)

    def forward(self, x):
        return self.conv_out(self.conv_a(x) * self.conv_b(x).sigmoid())


MODELS = [
    ("u-net", "up1..up4 (transposed)", UNet, floats(2, 3, 64, 64)),
    ("u-net", "encoder1..decoder1", lambda: LevelsUNet(("encoder{}", "bottleneck", "upconv{}", "decoder{}", "conv"), block=named_block), floats(2, 3, 32, 32)),
    ("u-net", "enc1..dec1, up", LevelsUNet, floats(2, 3, 32, 32)),
    ("u-net", "enc1..dec1, interpolated", lambda: LevelsUNet(("enc{}", "bottleneck", "", "dec{}", "final")), floats(2, 3, 32, 32)),
    ("u-net", "enc1..dec1, one channel", lambda: LevelsUNet(("enc{}", "center", "up{}", "dec{}", "out_conv"), first=1), floats(2, 1, 32, 32)),
    ("u-net", "down1..up1", lambda: LevelsUNet(("down{}", "bridge", "upconv{}", "up{}", "out")), floats(2, 3, 32, 32)),
    ("u-net", "enc1..dec1, added", lambda: LevelsUNet(added=True), floats(2, 3, 32, 32)),
    ("u-net", "lists of downs and ups", ListsUNet, floats(2, 3, 32, 32)),
    ("convolutions", "lenet", LeNet, floats(2, 1, 32, 32)),
    ("convolutions", "features, classifier", Recognizer, floats(2, 3, 32, 32)),
    ("convolutions", "norms between", convs_and_norms(False), floats(2, 3, 16, 16)),
    ("convolutions", "norms behind", convs_and_norms(True), floats(2, 3, 16, 16)),
    ("convolutions", "points", Points, floats(2, 3, 30)),
    ("convolutions", "times", Two, floats(2, 8, 9, 9)),
    ("residual, small", "resnet", resnet(), floats(2, 3, 32, 32)),
    ("residual, small", "resnet, shortcut and linear", resnet("shortcut", "linear"), floats(2, 3, 32, 32)),
    ("residual, small", "squeeze and excitation", resnet(se=True), floats(2, 3, 32, 32)),
    ("residual, small", "norms first", lambda: InTurn(conv1=conv(3, 8), block1=nn.Sequential(Wide(8, 16), Wide(16, 16)), block2=nn.Sequential(Wide(16, 32), Wide(32, 32)),
                                                      bn1=nn.BatchNorm2d(32), pool=nn.AdaptiveAvgPool2d(1), fc=nn.Linear(32, 10)), floats(2, 3, 16, 16)),
    ("residual, small", "conv_block", translator, floats(2, 3, 16, 16)),
    ("residual, small", "inverted", lambda: nn.Sequential(OrderedDict(features=nn.Sequential(norms(3, 8), Inverted(8, 8), Inverted(8, 12)), pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(),
                                                                      classifier=nn.Linear(12, 4))), floats(2, 3, 16, 16)),
    ("residual, small", "temporal", lambda: InTurn(network=nn.Sequential(Frames(4, 16), Frames(16, 16)), pool=nn.AdaptiveAvgPool1d(1), fc=nn.Linear(16, 2)), floats(2, 4, 20)),
    ("joined, small", "dense layers", lambda: nn.Sequential(OrderedDict(conv0=conv(3, 16), block=nn.Sequential(DenseLayer(16, 8), DenseLayer(24, 8), DenseLayer(32, 8)), norm=nn.BatchNorm2d(40),
                                                                        pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), classifier=nn.Linear(40, 10))), floats(2, 3, 16, 16)),
    ("joined, small", "inception", lambda: InTurn(stem=norms(3, 16), a3=Inception(16), b3=Inception(28), pool=nn.AdaptiveAvgPool2d(1), linear=nn.Linear(28, 10)), floats(2, 3, 16, 16)),
    ("joined, small", "super resolution", Enlarger, floats(2, 3, 12, 12)),
    ("detection, small", "pyramid", Pyramid, floats(2, 3, 32, 32)),
    ("detection, small", "yolo", Yolo, floats(2, 3, 32, 32)),
]
