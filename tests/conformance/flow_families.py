"""Models with random weights, by family: (name, makes a model, makes the arguments of its forward)."""
import torch

nn = torch.nn


def image(size=64, batch=2):
    return lambda: ((torch.randn(batch, 3, size, size),), {})


def torchvision_families():
    from torchvision import models as m
    names = {
        "resnet": ("resnet18", "resnet50", "wide_resnet50_2", "resnext50_32x4d"), "alexnet": ("alexnet",), "vgg": ("vgg11", "vgg16_bn"),
        "densenet": ("densenet121",), "mobilenet": ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"),
        "efficientnet": ("efficientnet_b0", "efficientnet_v2_s"), "squeezenet": ("squeezenet1_0",),
        "shufflenet": ("shufflenet_v2_x1_0",), "regnet": ("regnet_x_400mf", "regnet_y_400mf"), "mnasnet": ("mnasnet1_0",),
        "convnext": ("convnext_tiny",),
    }
    for family, members in names.items():
        for name in members:
            yield "torchvision " + family, name, lambda name=name: getattr(m, name)(weights=None), image()
    yield "torchvision googlenet", "googlenet aux", lambda: m.googlenet(weights=None, init_weights=False), image()
    yield "torchvision inception", "inception_v3 aux", lambda: m.inception_v3(weights=None, init_weights=False), image(299)
    yield "torchvision vit", "vit_b_16", lambda: m.vit_b_16(weights=None), image(224)
    yield "torchvision swin", "swin_t", lambda: m.swin_t(weights=None), image(64)
    yield "torchvision swin", "swin_v2_t", lambda: m.swin_v2_t(weights=None), image(64)
    yield "torchvision maxvit", "maxvit_t", lambda: m.maxvit_t(weights=None), image(224)
    s = m.segmentation
    plain = {"weights": None, "weights_backbone": None}
    yield "torchvision segmentation", "fcn_resnet50", lambda: s.fcn_resnet50(aux_loss=True, **plain), image()
    yield "torchvision segmentation", "deeplabv3_resnet50", lambda: s.deeplabv3_resnet50(aux_loss=True, **plain), image()
    yield "torchvision segmentation", "lraspp_mobilenet_v3_large", lambda: s.lraspp_mobilenet_v3_large(**plain), image()
    yield "torchvision detection", "fpn_resnet50", lambda: m.detection.fasterrcnn_resnet50_fpn(**plain).backbone, image()


SMALL = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, vocab_size=99,
             max_position_embeddings=64)


def ids(**more):
    return lambda: ((), dict(input_ids=torch.randint(3, 90, (2, 11)), **more))


def transformers_families():
    import transformers as t
    t.logging.set_verbosity_error()

    def row(name, config, model, arguments=None):
        def make():
            c = config() if callable(config) else config
            c._attn_implementation = "eager"
            return getattr(t, model)(c)
        return "transformers", name, make, arguments or ids()

    gpt = dict(n_embd=32, n_layer=2, n_head=2, n_positions=64, vocab_size=99)
    llama = dict(SMALL, num_key_value_heads=1, head_dim=16, pad_token_id=0)
    seq = dict(vocab_size=99, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
               encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2,
               decoder_start_token_id=2)
    both = ids(decoder_input_ids=torch.randint(3, 90, (2, 7)))
    pixels = lambda size=32: (lambda: ((), dict(pixel_values=torch.randn(2, 3, size, size))))
    vit = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, image_size=32, patch_size=8)
    yield row("bert", lambda: t.BertConfig(**SMALL), "BertModel")
    yield row("bert-mlm", lambda: t.BertConfig(**SMALL), "BertForMaskedLM")
    yield row("bert-classifier", lambda: t.BertConfig(**SMALL), "BertForSequenceClassification")
    yield row("roberta", lambda: t.RobertaConfig(**SMALL), "RobertaForMaskedLM")
    yield row("electra", lambda: t.ElectraConfig(**SMALL, embedding_size=32), "ElectraModel")
    yield row("distilbert", lambda: t.DistilBertConfig(dim=32, n_layers=2, n_heads=2, hidden_dim=48, vocab_size=99), "DistilBertForMaskedLM")
    yield row("albert", lambda: t.AlbertConfig(**SMALL, embedding_size=16), "AlbertModel")
    yield row("camembert", lambda: t.CamembertConfig(**SMALL), "CamembertModel")
    yield row("mpnet", lambda: t.MPNetConfig(**SMALL), "MPNetModel")
    yield row("modernbert", lambda: t.ModernBertConfig(**SMALL, pad_token_id=0), "ModernBertModel")
    yield row("deberta-v2", lambda: t.DebertaV2Config(**SMALL), "DebertaV2Model")
    yield row("gpt2", lambda: t.GPT2Config(**gpt), "GPT2LMHeadModel")
    yield row("gpt-neo", lambda: t.GPTNeoConfig(hidden_size=32, num_layers=2, num_heads=2, attention_types=[[["global"], 2]], vocab_size=99, max_position_embeddings=64), "GPTNeoForCausalLM")
    yield row("gpt-j", lambda: t.GPTJConfig(**gpt, rotary_dim=8), "GPTJForCausalLM")
    yield row("gpt-neox", lambda: t.GPTNeoXConfig(**SMALL), "GPTNeoXForCausalLM")
    yield row("codegen", lambda: t.CodeGenConfig(**gpt, rotary_dim=8), "CodeGenForCausalLM")
    yield row("bloom", lambda: t.BloomConfig(hidden_size=32, n_layer=2, n_head=2, vocab_size=99), "BloomForCausalLM")
    yield row("falcon", lambda: t.FalconConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, vocab_size=99), "FalconForCausalLM")
    yield row("opt", lambda: t.OPTConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, ffn_dim=48, vocab_size=99, word_embed_proj_dim=32, max_position_embeddings=64), "OPTForCausalLM")
    yield row("mpt", lambda: t.MptConfig(d_model=32, n_layers=2, n_heads=2, vocab_size=99, max_seq_len=64), "MptForCausalLM")
    yield row("llama", lambda: t.LlamaConfig(**llama), "LlamaForCausalLM")
    yield row("mistral", lambda: t.MistralConfig(**llama), "MistralForCausalLM")
    yield row("mixtral", lambda: t.MixtralConfig(**llama, num_local_experts=2), "MixtralForCausalLM")
    yield row("qwen2", lambda: t.Qwen2Config(**llama), "Qwen2ForCausalLM")
    yield row("qwen3", lambda: t.Qwen3Config(**llama), "Qwen3ForCausalLM")
    yield row("gemma", lambda: t.GemmaConfig(**llama), "GemmaForCausalLM")
    yield row("gemma2", lambda: t.Gemma2Config(**llama), "Gemma2ForCausalLM")
    yield row("phi", lambda: t.PhiConfig(**SMALL, pad_token_id=0), "PhiForCausalLM")
    yield row("phi3", lambda: t.Phi3Config(**dict(llama), bos_token_id=1, eos_token_id=2), "Phi3ForCausalLM")
    yield row("stablelm", lambda: t.StableLmConfig(**SMALL), "StableLmForCausalLM")
    yield row("olmo2", lambda: t.Olmo2Config(**dict(SMALL, pad_token_id=0)), "Olmo2ForCausalLM")
    yield row("starcoder2", lambda: t.Starcoder2Config(**SMALL, num_key_value_heads=1), "Starcoder2ForCausalLM")
    yield row("t5", lambda: t.T5Config(d_model=32, d_kv=16, d_ff=48, num_layers=2, num_heads=2, vocab_size=99, decoder_start_token_id=0), "T5ForConditionalGeneration", both)
    yield row("flan-t5", lambda: t.T5Config(d_model=32, d_kv=16, d_ff=48, num_layers=2, num_heads=2, vocab_size=99, feed_forward_proj="gated-gelu", tie_word_embeddings=False), "T5ForConditionalGeneration", both)
    yield row("bart", lambda: t.BartConfig(**seq), "BartForConditionalGeneration", both)
    yield row("mbart", lambda: t.MBartConfig(**seq), "MBartModel", both)
    yield row("marian", lambda: t.MarianConfig(**seq), "MarianModel", both)
    yield row("pegasus", lambda: t.PegasusConfig(**seq), "PegasusModel", both)
    yield row("whisper", lambda: t.WhisperConfig(**dict(seq, max_source_positions=8, num_mel_bins=16, max_target_positions=16)), "WhisperForConditionalGeneration",
              lambda: ((), dict(input_features=torch.randn(2, 16, 16), decoder_input_ids=torch.randint(3, 90, (2, 7)))))
    yield row("vit", lambda: t.ViTConfig(**vit), "ViTForImageClassification", pixels())
    yield row("deit", lambda: t.DeiTConfig(**vit), "DeiTModel", pixels())
    yield row("beit", lambda: t.BeitConfig(**vit), "BeitModel", pixels())
    yield row("dinov2", lambda: t.Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8), "Dinov2Model", pixels())
    yield row("swin", lambda: t.SwinConfig(image_size=32, patch_size=2, embed_dim=16, depths=[2, 2], num_heads=[2, 2], window_size=2), "SwinModel", pixels())
    yield row("convnext", lambda: t.ConvNextConfig(hidden_sizes=[8, 16, 24, 32], depths=[1, 2, 1, 1]), "ConvNextForImageClassification", pixels(64))
    yield row("resnet", lambda: t.ResNetConfig(embedding_size=8, hidden_sizes=[16, 24, 32, 40], depths=[1, 2, 1, 1]), "ResNetForImageClassification", pixels(64))
    yield row("segformer", lambda: t.SegformerConfig(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 1, 1], decoder_hidden_size=16), "SegformerForSemanticSegmentation", pixels(64))
    yield row("clip", lambda: t.CLIPConfig(text_config=dict(SMALL, eos_token_id=2, bos_token_id=1, pad_token_id=0), vision_config=vit, projection_dim=16), "CLIPModel",
              lambda: ((), dict(input_ids=torch.randint(3, 90, (2, 11)), pixel_values=torch.randn(2, 3, 32, 32))))
    yield row("wav2vec2", lambda: t.Wav2Vec2Config(**SMALL, conv_dim=(8, 8), conv_stride=(2, 2), conv_kernel=(3, 3), num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2), "Wav2Vec2Model",
              lambda: ((torch.randn(2, 400),), {}))


class DoubleConv(nn.Sequential):
    def __init__(self, a, b):
        super().__init__(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
                         nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU())


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


class NamedUNet(nn.Module):
    """Levels by name, as encoder1 ... upconv4, decoder4."""

    def __init__(self, f=8):
        super().__init__()
        widths = [3, f, 2 * f, 4 * f, 8 * f]
        for i in range(1, 5):
            setattr(self, f"encoder{i}", self.block(widths[i - 1], widths[i], f"enc{i}"))
            setattr(self, f"pool{i}", nn.MaxPool2d(2))
        self.bottleneck = self.block(8 * f, 16 * f, "bottleneck")
        for i in range(4, 0, -1):
            setattr(self, f"upconv{i}", nn.ConvTranspose2d(2 * widths[i], widths[i], 2, stride=2))
            setattr(self, f"decoder{i}", self.block(2 * widths[i], widths[i], f"dec{i}"))
        self.conv = nn.Conv2d(f, 1, 1)

    @staticmethod
    def block(a, b, name):
        from collections import OrderedDict
        return nn.Sequential(OrderedDict([
            (name + "conv1", nn.Conv2d(a, b, 3, padding=1, bias=False)), (name + "norm1", nn.BatchNorm2d(b)), (name + "relu1", nn.ReLU()),
            (name + "conv2", nn.Conv2d(b, b, 3, padding=1, bias=False)), (name + "norm2", nn.BatchNorm2d(b)), (name + "relu2", nn.ReLU())]))

    def forward(self, x):
        skips = []
        for i in range(1, 5):
            x = getattr(self, f"encoder{i}")(x)
            skips.append(x)
            x = getattr(self, f"pool{i}")(x)
        x = self.bottleneck(x)
        for i in range(4, 0, -1):
            x = torch.cat((getattr(self, f"upconv{i}")(x), skips.pop()), 1)
            x = getattr(self, f"decoder{i}")(x)
        return self.conv(x)


class Tagger(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.embedding = nn.Embedding(99, 16)
        self.rnn = getattr(nn, kind)(16, 24, num_layers=2, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(48, 5)

    def forward(self, x):
        return self.fc(self.rnn(self.embedding(x))[0])


class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Embedding(99, 16)
        self.rnn = nn.LSTM(16, 24, 2)
        self.decoder = nn.Linear(24, 99)

    def forward(self, x):
        return self.decoder(self.rnn(self.encoder(x))[0])


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(30, 20), nn.Linear(20, 12), nn.Linear(12, 4)

    def forward(self, x):
        return self.fc3(self.fc2(self.fc1(x)))


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = torch.max_pool2d(self.conv2(torch.max_pool2d(self.conv1(x), 2)), 2)
        return self.fc3(self.fc2(self.fc1(x.flatten(1))))


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


def own_families():
    yield "u-net", "up1..up4 (transposed)", UNet, image()
    yield "u-net", "encoder1..decoder1", NamedUNet, image()
    for kind in ("LSTM", "GRU", "RNN"):
        yield "rnn", kind + " tagger", lambda kind=kind: Tagger(kind), lambda: ((torch.randint(0, 90, (2, 7)),), {})
    yield "rnn", "language model", Language, lambda: ((torch.randint(0, 90, (7, 2)),), {})
    yield "perceptrons", "mlp", Perceptron, lambda: ((torch.randn(2, 30),), {})
    yield "perceptrons", "lenet", LeNet, lambda: ((torch.randn(2, 1, 32, 32),), {})
    yield "perceptrons", "vae", Variational, lambda: ((torch.randn(2, 784),), {})
    yield "perceptrons", "experts and heads", Parallel, lambda: ((torch.randn(2, 16),), {})
    yield "torch.nn", "TransformerEncoder", lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 2, 48), 2), lambda: ((torch.randn(5, 2, 32),), {})
    yield "torch.nn", "Transformer", lambda: nn.Transformer(32, 2, 2, 2, 48), lambda: ((torch.randn(5, 2, 32), torch.randn(4, 2, 32)), {})


def timm_families():
    import timm
    for name in ("resnet18", "resnetv2_50", "vit_tiny_patch16_224", "deit_tiny_patch16_224", "efficientnet_b0", "mobilenetv3_small_100", "mobilenetv2_100",
                 "convnext_atto", "swin_tiny_patch4_window7_224", "mixer_s16_224", "regnety_002", "densenet121", "vgg11_bn",
                 "seresnet50", "res2net50_26w_4s", "ghostnet_100", "beit_base_patch16_224", "pit_ti_224", "xception41", "dla34", "hrnet_w18_small",
                 "poolformer_s12", "cait_xxs24_224", "levit_128s", "mobilevit_xxs", "edgenext_xx_small", "eva02_tiny_patch14_224", "efficientvit_b0"):
        size = {"eva02_tiny_patch14_224": 224}.get(name, 256 if "mobilevit" in name or "edgenext" in name else 224)
        yield "timm", name, lambda name=name: timm.create_model(name, pretrained=False), image(size, 1 if size == 256 else 2)


def diffusers_families():
    import diffusers as d
    yield "u-net", "diffusers UNet2D", lambda: d.UNet2DModel(sample_size=32, block_out_channels=(32, 64, 64), layers_per_block=2, norm_num_groups=8, down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D")), \
        lambda: ((torch.randn(2, 3, 32, 32), 1), {})
    yield "u-net", "diffusers UNet2DCondition", lambda: d.UNet2DConditionModel(sample_size=32, block_out_channels=(32, 64), layers_per_block=1, norm_num_groups=8, cross_attention_dim=24, attention_head_dim=8, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")), \
        lambda: ((torch.randn(2, 4, 32, 32), 1, torch.randn(2, 5, 24)), {})
    yield "autoencoder", "diffusers AutoencoderKL", lambda: d.AutoencoderKL(block_out_channels=(16, 32), norm_num_groups=8, down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2), \
        lambda: ((torch.randn(2, 3, 32, 32),), {})


def lora_families():
    import peft
    import transformers as t
    config = t.LlamaConfig(**dict(SMALL, num_key_value_heads=2, pad_token_id=0))
    config._attn_implementation = "eager"
    yield "lora", "llama with LoRA", lambda: peft.get_peft_model(t.LlamaForCausalLM(config), peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)), ids()
    gpt = t.GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=64, vocab_size=99)
    yield "lora", "gpt2 with LoRA", lambda: peft.get_peft_model(t.GPT2LMHeadModel(gpt), peft.LoraConfig(r=4, target_modules=["c_attn"], fan_in_fan_out=True)), ids()


def yolo_families():
    from ultralytics.nn.tasks import DetectionModel
    for name in ("yolov8n.yaml", "yolov5n.yaml", "yolo11n.yaml"):
        yield "yolo", name.split(".")[0], lambda name=name: DetectionModel(name, verbose=False), image(64)


FAMILIES = (own_families, torchvision_families, transformers_families, timm_families, diffusers_families, lora_families, yolo_families)
