"""Small transformers of torch.nn alone, as tutorials and papers' code name them. Rows as in flow_models_plain.py."""
import torch

from flow_models_plain import floats, tokens

nn = torch.nn


def attend(q, k, v):
    return (q @ k.transpose(-2, -1)).softmax(-1) @ v


class Head(nn.Module):
    def __init__(self, width, size):
        super().__init__()
        self.key, self.query, self.value = (nn.Linear(width, size, bias=False) for _ in range(3))

    def forward(self, x):
        k, q, v = self.key(x), self.query(x), self.value(x)
        return attend(q, k, v)


class ManyHeads(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = nn.ModuleList(Head(width, width // heads) for _ in range(heads))
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        return self.proj(torch.cat([head(x) for head in self.heads], -1))


class Forward(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width), nn.Dropout(0.1))

    def forward(self, x):
        return self.net(x)


class HeadsBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.sa, self.ffwd = ManyHeads(width, heads), Forward(width)
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x):
        x = x + self.sa(self.ln1(x))
        return x + self.ffwd(self.ln2(x))


class Bigram(nn.Module):
    """A tutorial's language model: a list of heads in each block."""

    def __init__(self):
        super().__init__()
        self.token_embedding_table, self.position_embedding_table = nn.Embedding(99, 32), nn.Embedding(16, 32)
        self.blocks = nn.Sequential(*[HeadsBlock(32, 2) for _ in range(2)])
        self.ln_f, self.lm_head = nn.LayerNorm(32), nn.Linear(32, 99)

    def forward(self, x):
        x = self.token_embedding_table(x) + self.position_embedding_table(torch.arange(x.shape[1], device=x.device))
        return self.lm_head(self.ln_f(self.blocks(x)))


class Causal(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        return self.c_proj(attend(*self.c_attn(x).chunk(3, -1)))


class Two(nn.Module):
    def __init__(self, width, first, second):
        super().__init__()
        self.names = (first, second)
        setattr(self, first, nn.Linear(width, 4 * width))
        setattr(self, second, nn.Linear(4 * width, width))

    def forward(self, x):
        return getattr(self, self.names[1])(getattr(self, self.names[0])(x).relu())


class CausalBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.ln_1, self.attn, self.ln_2, self.mlp = nn.LayerNorm(width), Causal(width), nn.LayerNorm(width), Two(width, "c_fc", "c_proj")

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class SmallGpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.transformer = nn.ModuleDict(dict(wte=nn.Embedding(99, 32), wpe=nn.Embedding(16, 32), drop=nn.Dropout(0.1),
                                              h=nn.ModuleList(CausalBlock(32) for _ in range(2)), ln_f=nn.LayerNorm(32)))
        self.lm_head = nn.Linear(32, 99, bias=False)
        self.transformer.wte.weight = self.lm_head.weight

    def forward(self, x):
        t = self.transformer
        x = t.wte(x) + t.wpe(torch.arange(x.shape[1], device=x.device))
        for block in t.h:
            x = block(x)
        return self.lm_head(t.ln_f(x))


class FourLinears(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(width, width) for _ in range(4))

    def forward(self, q, k, v):
        q, k, v = [linear(x) for linear, x in zip(self.linears, (q, k, v))]
        return self.linears[-1](attend(q, k, v))


class Sublayer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x, sublayer):
        return x + sublayer(self.norm(x))


class AnnotatedLayer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.self_attn, self.feed_forward = FourLinears(width), Two(width, "w_1", "w_2")
        self.sublayer = nn.ModuleList(Sublayer(width) for _ in range(2))

    def forward(self, x):
        x = self.sublayer[0](x, lambda x: self.self_attn(x, x, x))
        return self.sublayer[1](x, self.feed_forward)


class Annotated(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(AnnotatedLayer(32) for _ in range(2))
        self.norm = nn.LayerNorm(32)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


class ThreeLinears(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear_layers = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.output_linear = nn.Linear(width, width)

    def forward(self, x):
        return self.output_linear(attend(*[layer(x) for layer in self.linear_layers]))


class BertBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.attention, self.feed_forward = ThreeLinears(width), Two(width, "w_1", "w_2")
        self.input_sublayer, self.output_sublayer = Sublayer(width), Sublayer(width)

    def forward(self, x):
        return self.output_sublayer(self.input_sublayer(x, self.attention), self.feed_forward)


class Embeddings(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.token, self.position, self.segment = nn.Embedding(99, width), nn.Embedding(16, width), nn.Embedding(3, width)

    def forward(self, x):
        return self.token(x) + self.position(torch.arange(x.shape[1], device=x.device)) + self.segment(torch.zeros_like(x))


class SmallBert(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = Embeddings(32)
        self.transformer_blocks = nn.ModuleList(BertBlock(32) for _ in range(2))

    def forward(self, x):
        x = self.embedding(x)
        for block in self.transformer_blocks:
            x = block(x)
        return x


class NormedAttention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(width, width), nn.Dropout(0.1))

    def forward(self, x):
        return self.to_out(attend(*self.to_qkv(self.norm(x)).chunk(3, -1)))


class NormedForward(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 48), nn.GELU(), nn.Dropout(0.1), nn.Linear(48, width))

    def forward(self, x):
        return self.net(x)


class Pairs(nn.Module):
    """Layers as lists of two, each added to what it is given."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(nn.ModuleList([NormedAttention(width), NormedForward(width)]) for _ in range(2))

    def forward(self, x):
        for attention, forward in self.layers:
            x = attention(x) + x
            x = forward(x) + x
        return self.norm(x)


class SmallVit(nn.Module):
    def __init__(self):
        super().__init__()
        self.pos_embedding, self.cls_token = nn.Parameter(torch.randn(1, 5, 32)), nn.Parameter(torch.randn(1, 1, 32))
        self.to_patch_embedding = nn.Sequential(nn.Identity(), nn.LayerNorm(48), nn.Linear(48, 32), nn.LayerNorm(32))
        self.transformer = Pairs(32)
        self.mlp_head = nn.Linear(32, 10)

    def forward(self, x):
        x = self.to_patch_embedding(x)
        x = torch.cat([self.cls_token.expand(len(x), 1, 32), x], 1) + self.pos_embedding
        return self.mlp_head(self.transformer(x)[:, 0])


class Rms(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * x.pow(2).mean(-1, keepdim=True).rsqrt() * self.weight


class Gated(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.w1, self.w2, self.w3 = nn.Linear(width, 48, bias=False), nn.Linear(48, width, bias=False), nn.Linear(width, 48, bias=False)

    def forward(self, x):
        return self.w2(self.w1(x).sigmoid() * self.w3(x))


class Grouped(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.wq, self.wk, self.wv, self.wo = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x):
        return self.wo(attend(self.wq(x), self.wk(x), self.wv(x)))


class LlamaBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.attention, self.feed_forward = Grouped(width), Gated(width)
        self.attention_norm, self.ffn_norm = Rms(width), Rms(width)

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.ffn_norm(x))


class SmallLlama(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok_embeddings = nn.Embedding(99, 32)
        self.layers = nn.ModuleList(LlamaBlock(32) for _ in range(2))
        self.norm, self.output = Rms(32), nn.Linear(32, 99, bias=False)

    def forward(self, x):
        x = self.tok_embeddings(x)
        for layer in self.layers:
            x = layer(x)
        return self.output(self.norm(x))


class Classifier(nn.Module):
    """torch.nn's encoder between an embedding and a head."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(99, 32)
        self.transformer_encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 2, 48), 2)
        self.fc = nn.Linear(32, 5)

    def forward(self, x):
        return self.fc(self.transformer_encoder(self.embedding(x)))


class Adapted(nn.Module):
    """A pair of narrow layers beside a frozen one."""

    def __init__(self, width, rank=4):
        super().__init__()
        self.base_layer = nn.Linear(width, width)
        self.lora_A = nn.ModuleDict({"default": nn.Linear(width, rank, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(rank, width, bias=False)})

    def forward(self, x):
        return self.base_layer(x) + self.lora_B["default"](self.lora_A["default"](x)) * 2


class AdaptedAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = Adapted(32), nn.Linear(32, 32), Adapted(32), nn.Linear(32, 32)

    def forward(self, x):
        return self.o_proj(attend(self.q_proj(x), self.k_proj(x), self.v_proj(x)))


class Cross(nn.Module):
    """Attention without an output projection; names alone, no class."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 32)

    def forward(self, x):
        return attend(self.query(x), self.key(x), self.value(x))


MODELS = [
    ("transformers, small", "list of heads", Bigram, tokens(2, 9)),
    ("transformers, small", "gpt in a dict, tied", SmallGpt, tokens(2, 9)),
    ("transformers, small", "four linears", Annotated, floats(2, 9, 32)),
    ("transformers, small", "three linears", SmallBert, tokens(2, 9)),
    ("transformers, small", "layers.N.0, layers.N.1", SmallVit, floats(2, 4, 48)),
    ("transformers, small", "wq wk wv wo", SmallLlama, tokens(2, 9)),
    ("transformers, small", "embedding, encoder, fc", Classifier, tokens(7, 2)),
    ("transformers, small", "query key value", Cross, floats(2, 9, 32)),
    ("lora, small", "two of four projections", AdaptedAttention, floats(2, 9, 32)),
    ("torch.nn", "TransformerEncoder", lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 2, 48), 2), floats(5, 2, 32)),
    ("torch.nn", "Transformer", lambda: nn.Transformer(32, 2, 2, 2, 48), lambda: ((torch.randn(5, 2, 32), torch.randn(4, 2, 32)), {})),
]
