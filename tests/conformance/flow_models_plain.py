"""Small models of torch.nn alone, named as people name theirs: perceptrons, recurrent nets, agents, autoencoders, and
those whose sizes would chain where nothing flows. Each row of MODELS: family, name, class or maker, arguments' maker.
"""
import torch

nn = torch.nn


def floats(*shape):
    return lambda: ((torch.randn(*shape),), {})


def tokens(*shape, high=90):
    return lambda: ((torch.randint(0, high, shape),), {})


class InTurn(nn.Module):
    """Calls what it is made of one after the other, whatever it is called: attributes by name."""

    def __init__(self, **modules):
        super().__init__()
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        for name, module in self.named_children():
            if isinstance(module, nn.Linear) and x.shape[-1] != module.in_features:
                x = x.flatten(1)
            x = module(x)
            if isinstance(x, tuple):
                x = x[0]
        return x


def plain(*names, widths):
    return lambda: InTurn(**{name: nn.Linear(a, b) for name, a, b in zip(names, widths, widths[1:])})


class Parallel(nn.Module):
    """Heads side by side whose sizes would chain."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 32))
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32)) for _ in range(4))
        self.gate = nn.Linear(32, 4)
        self.heads = nn.ModuleList(nn.Linear(32, 32) for _ in range(3))

    def forward(self, x):
        x = self.trunk(x)
        weights = self.gate(x).softmax(-1)
        x = sum(weights[:, i:i + 1] * expert(x) for i, expert in enumerate(self.experts))
        return [head(x) for head in self.heads]


class Variational(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x):
        h = self.fc1(x)
        return self.fc4(self.fc3(self.fc21(h) + self.fc22(h).exp()))


class VariationalLists(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(60, 40), nn.ReLU(), nn.Linear(40, 30), nn.ReLU())
        self.fc_mu, self.fc_var = nn.Linear(30, 8), nn.Linear(30, 8)
        self.decoder = nn.Sequential(nn.Linear(8, 30), nn.ReLU(), nn.Linear(30, 60))

    def forward(self, x):
        h = self.encoder(x)
        return self.decoder(self.fc_mu(h) + (0.5 * self.fc_var(h)).exp() * 0.1)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(60, 40), nn.ReLU(), nn.Linear(40, 8))
        self.decoder = nn.Sequential(nn.Linear(8, 40), nn.ReLU(), nn.Linear(40, 60))

    def forward(self, x):
        return self.decoder(self.encoder(x))


class ActorCritic(nn.Module):
    """Two nets on one input."""

    def __init__(self):
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 4))
        self.critic = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, x):
        return self.actor(x), self.critic(x)


class SharedActorCritic(nn.Module):
    def __init__(self, actor="actor", critic="critic"):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(8, 64), nn.Linear(64, 64)
        self.names = (actor, critic)
        setattr(self, actor, nn.Linear(64, 4))
        setattr(self, critic, nn.Linear(64, 1))

    def forward(self, x):
        x = self.fc2(self.fc1(x).relu()).relu()
        return [getattr(self, name)(x) for name in self.names]


class SoftActor(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(8, 64), nn.Linear(64, 64)
        self.mean_linear, self.log_std_linear = nn.Linear(64, 3), nn.Linear(64, 3)

    def forward(self, x):
        x = self.linear2(self.linear1(x).relu()).relu()
        return self.mean_linear(x), self.log_std_linear(x)


class TwinCritic(nn.Module):
    """Two critics beside each other under numbers that go on: l1, l2, l3 and l4, l5, l6."""

    def __init__(self):
        super().__init__()
        for i, (a, b) in enumerate([(12, 64), (64, 64), (64, 1)] * 2, 1):
            setattr(self, f"l{i}", nn.Linear(a, b))

    def forward(self, x):
        one = self.l3(self.l2(self.l1(x).relu()).relu())
        return one, self.l6(self.l5(self.l4(x).relu()).relu())


class Siamese(nn.Module):
    """Encoders beside each other, of one architecture."""

    def __init__(self, first="encoder_q", second="encoder_k"):
        super().__init__()
        self.names = (first, second)
        for name in self.names:
            setattr(self, name, nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16)))

    def forward(self, x):
        return [getattr(self, name)(x) for name in self.names]


class Adversaries(nn.Module):
    """What one makes the other is given, or not: nothing in the file tells."""

    def __init__(self):
        super().__init__()
        self.netG = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 32))
        self.netD = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        return self.netG(x[:, :8]), self.netD(x)


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.user_embedding, self.item_embedding = nn.Embedding(90, 8), nn.Embedding(90, 8)
        self.fc1, self.fc2, self.output = nn.Linear(16, 32), nn.Linear(32, 8), nn.Linear(8, 1)

    def forward(self, x):
        x = torch.cat([self.user_embedding(x[:, 0]), self.item_embedding(x[:, 1])], -1)
        return self.output(self.fc2(self.fc1(x).relu()).relu())


class Residuals(nn.Module):
    """Blocks of two layers that add what they are given: the same names as those of blocks that do not."""

    def __init__(self, adds=True):
        super().__init__()
        self.adds = adds
        self.fc_in = nn.Linear(10, 32)
        self.blocks = nn.ModuleList(InTurn(fc1=nn.Linear(32, 32), act=nn.ReLU(), fc2=nn.Linear(32, 32)) for _ in range(3))
        self.fc_out = nn.Linear(32, 2)

    def forward(self, x):
        x = self.fc_in(x)
        for block in self.blocks:
            x = x + block(x) if self.adds else block(x)
        return self.fc_out(x)


class Layers(nn.Module):
    def __init__(self, widths=(10, 32, 16, 4), name="layers", adds=False):
        super().__init__()
        self.adds, self.list = adds, name
        setattr(self, name, nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:])))

    def forward(self, x):
        for layer in getattr(self, self.list):
            x = x + layer(x).relu() if self.adds else layer(x).relu()
        return x


class Field(nn.Module):
    """A radiance field: eight layers, the input joined in the middle."""

    def __init__(self):
        super().__init__()
        self.pts_linears = nn.ModuleList([nn.Linear(63, 64)] + [nn.Linear(64 + 63 * (i == 4), 64) for i in range(7)])
        self.views_linears = nn.ModuleList([nn.Linear(64 + 27, 32)])
        self.feature_linear, self.alpha_linear, self.rgb_linear = nn.Linear(64, 64), nn.Linear(64, 1), nn.Linear(32, 3)

    def forward(self, x):
        points, views = x[:, :63], x[:, 63:]
        h = points
        for i, layer in enumerate(self.pts_linears):
            h = layer(h).relu()
            if i == 4:
                h = torch.cat([points, h], -1)
        h_views = self.views_linears[0](torch.cat([self.feature_linear(h), views], -1))
        return self.alpha_linear(h), self.rgb_linear(h_views)


class Tagger(nn.Module):
    def __init__(self, kind, embedding="embedding", rnn="rnn", head="fc"):
        super().__init__()
        self.names = (embedding, rnn, head)
        setattr(self, embedding, nn.Embedding(99, 16))
        setattr(self, rnn, getattr(nn, kind)(16, 24, num_layers=2, bidirectional=True, batch_first=True))
        setattr(self, head, nn.Linear(48, 5))

    def forward(self, x):
        embedding, rnn, head = (getattr(self, name) for name in self.names)
        return head(rnn(embedding(x))[0])


class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Embedding(99, 16)
        self.rnn = nn.LSTM(16, 24, 2)
        self.decoder = nn.Linear(24, 99)

    def forward(self, x):
        return self.decoder(self.rnn(self.encoder(x))[0])


class Forecast(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm1, self.lstm2 = nn.LSTM(1, 24, batch_first=True), nn.LSTM(24, 24, batch_first=True)
        self.linear = nn.Linear(24, 1)

    def forward(self, x):
        return self.linear(self.lstm2(self.lstm1(x)[0])[0])


class Coder(nn.Module):
    def __init__(self, out):
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(99, 16), nn.GRU(16, 24)
        if out:
            self.fc_out = nn.Linear(24, 99)

    def forward(self, x, hidden=None):
        made, hidden = self.rnn(self.embedding(x), hidden)
        return self.fc_out(made) if hidden is not None and hasattr(self, "fc_out") else hidden


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Coder(False), Coder(True)

    def forward(self, x):
        return self.decoder(x, self.encoder(x))


class Recognizer(nn.Module):
    """Convolutions, then a recurrent net over columns, then a head."""

    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16))
        self.rnn = nn.LSTM(16, 24, bidirectional=True)
        self.fc = nn.Linear(48, 20)

    def forward(self, x):
        x = self.cnn(x).mean(2).permute(2, 0, 1)
        return self.fc(self.rnn(x)[0])


class Sentences(nn.Module):
    """Convolutions of several lengths side by side over words."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(99, 16)
        self.convs = nn.ModuleList(nn.Conv2d(1, 10, (k, 16)) for k in (3, 4, 5))
        self.fc = nn.Linear(30, 2)

    def forward(self, x):
        x = self.embedding(x).unsqueeze(1)
        return self.fc(torch.cat([conv(x).relu().amax((2, 3)) for conv in self.convs], 1))


class Experts(nn.Module):
    """A mixture of experts in each block, behind its router."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(16, 3, bias=False)
        self.experts = nn.ModuleList(InTurn(w1=nn.Linear(16, 32), w2=nn.Linear(32, 16)) for _ in range(3))

    def forward(self, x):
        weights = self.gate(x).softmax(-1)
        return sum(weights[..., i:i + 1] * expert(x) for i, expert in enumerate(self.experts))


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.age_head, self.gender_head = nn.Linear(32, 1), nn.Linear(32, 2)

    def forward(self, x):
        x = self.backbone(x)
        return self.age_head(x), self.gender_head(x)


class Joined(nn.Module):
    """Two branches of one width side by side into one layer."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.both = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(24, 2)

    def forward(self, x):
        return self.both(torch.cat([self.left(x), self.right(x)], -1))


class Reversed(nn.Module):
    """Defined in another order than called."""

    def __init__(self):
        super().__init__()
        self.out, self.hidden, self.inp = nn.Linear(16, 2), nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, x):
        return self.out(self.hidden(self.inp(x)))


def with_norms(grouped):
    def make():
        fc = {f"fc{i}": nn.Linear(a, b) for i, (a, b) in enumerate(((20, 32), (32, 24), (24, 4)), 1)}
        bn = {"bn1": nn.BatchNorm1d(32), "bn2": nn.BatchNorm1d(24)}
        order = ("fc1", "fc2", "fc3", "bn1", "bn2") if grouped else ("fc1", "bn1", "fc2", "bn2", "fc3")
        return Named({name: {**fc, **bn}[name] for name in order}, ("fc1", "bn1", "fc2", "bn2", "fc3"))
    return make


class Named(nn.Module):
    """Defined in one order, called in another."""

    def __init__(self, modules, called):
        super().__init__()
        for name, module in modules.items():
            setattr(self, name, module)
        self.called = called

    def forward(self, x):
        for name in self.called:
            module = getattr(self, name)
            if isinstance(module, nn.Linear) and x.shape[-1] != module.in_features:
                x = x.flatten(1)
            x = module(x)
        return x


MODELS = [
    ("perceptrons", "fc1 fc2 fc3", plain("fc1", "fc2", "fc3", widths=(30, 20, 12, 4)), floats(2, 30)),
    ("perceptrons", "fc1 fc2 fc3, of one width", plain("fc1", "fc2", "fc3", widths=(30, 64, 64, 4)), floats(2, 30)),
    ("perceptrons", "fc1 .. fc4, wider at last", plain("fc1", "fc2", "fc3", "fc4", widths=(30, 64, 64, 64, 64)), floats(2, 30)),
    ("perceptrons", "linear1 linear2", plain("linear1", "linear2", widths=(30, 64, 4)), floats(2, 30)),
    ("perceptrons", "l1 l2 l3", plain("l1", "l2", "l3", widths=(784, 500, 100, 10)), floats(2, 784)),
    ("perceptrons", "layer1 layer2", plain("layer1", "layer2", widths=(784, 500, 10)), floats(2, 784)),
    ("perceptrons", "hidden output", plain("hidden", "output", widths=(784, 500, 10)), floats(2, 784)),
    ("perceptrons", "input_layer hidden_layer output_layer", plain("input_layer", "hidden_layer", "output_layer", widths=(7, 50, 50, 10)), floats(2, 7)),
    ("perceptrons", "norms between", with_norms(False), floats(2, 20)),
    ("perceptrons", "norms behind", with_norms(True), floats(2, 20)),
    ("perceptrons", "net.0 net.2 net.4", lambda: InTurn(net=nn.Sequential(nn.Linear(9, 30), nn.ReLU(), nn.Linear(30, 30), nn.ReLU(), nn.Linear(30, 2))), floats(2, 9)),
    ("perceptrons", "layers.N", Layers, floats(2, 10)),
    ("perceptrons", "layers.N, of one width", lambda: Layers((16, 16, 16, 16)), floats(2, 16)),
    ("perceptrons", "layers.N, each adding", lambda: Layers((16, 16, 16, 16), adds=True), floats(2, 16)),
    ("perceptrons", "linears.N", lambda: Layers(name="linears"), floats(2, 10)),
    ("perceptrons", "vae", Variational, floats(2, 784)),
    ("perceptrons", "vae of lists", VariationalLists, floats(2, 60)),
    ("perceptrons", "encoder decoder", Autoencoder, floats(2, 60)),
    ("perceptrons", "blocks, each adding", Residuals, floats(2, 10)),
    ("perceptrons", "blocks, none adding", lambda: Residuals(False), floats(2, 10)),
    ("perceptrons", "radiance field", Field, floats(2, 90)),
    ("heads", "experts and heads", Parallel, floats(2, 16)),
    ("heads", "mixture of experts", Experts, floats(2, 16)),
    ("heads", "actor critic, apart", ActorCritic, floats(2, 8)),
    ("heads", "actor critic, shared", SharedActorCritic, floats(2, 8)),
    ("heads", "value advantage", lambda: SharedActorCritic("advantage", "value"), floats(2, 8)),
    ("heads", "fc_pi fc_v", lambda: SharedActorCritic("fc_pi", "fc_v"), floats(2, 8)),
    ("heads", "mean and deviation", SoftActor, floats(2, 8)),
    ("heads", "two critics", TwinCritic, floats(2, 12)),
    ("heads", "backbone and two heads", Heads, floats(2, 20)),
    ("side by side", "encoder_q encoder_k", Siamese, floats(2, 16)),
    ("side by side", "student teacher", lambda: Siamese("student", "teacher"), floats(2, 16)),
    ("side by side", "online_encoder target_encoder", lambda: Siamese("online_encoder", "target_encoder"), floats(2, 16)),
    ("side by side", "branch1 branch2", lambda: Siamese("branch1", "branch2"), floats(2, 16)),
    ("side by side", "net1 net2", lambda: Siamese("net1", "net2"), floats(2, 16)),
    ("side by side", "left right both", Joined, floats(2, 12)),
    ("side by side", "netG netD", Adversaries, floats(2, 32)),
    ("side by side", "two towers", Towers, tokens(3, 2)),
    ("side by side", "defined backwards", Reversed, floats(2, 16)),
    ("rnn", "LSTM tagger", lambda: Tagger("LSTM"), tokens(2, 7)),
    ("rnn", "GRU tagger", lambda: Tagger("GRU", "embed", "gru", "out"), tokens(2, 7)),
    ("rnn", "RNN tagger", lambda: Tagger("RNN", "word_embeddings", "lstm", "hidden2tag"), tokens(2, 7)),
    ("rnn", "language model", Language, tokens(7, 2)),
    ("rnn", "lstm1 lstm2 linear", Forecast, floats(2, 7, 1)),
    ("rnn", "translator", Translator, tokens(7, 2)),
    ("rnn", "convolutions and LSTM", Recognizer, floats(2, 1, 8, 20)),
    ("rnn", "convolutions over words", Sentences, tokens(2, 9)),
]
