"""Models with random weights, by family: (name, makes a model, makes the arguments of its forward)."""
import torch

import flow_models_plain
import flow_models_text
import flow_models_vision
import torchvision_import

nn = torch.nn


def image(size=64, batch=2):
    return lambda: ((torch.randn(batch, 3, size, size),), {})


def torchvision_families():
    torchvision_import.import_torchvision()
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


def more_transformers():
    """Those whose sizes are set by the usual names; measured after the patterns were written."""
    import transformers as t
    t.logging.set_verbosity_error()
    names = """BigBird Longformer SqueezeBert MobileBert Nystromformer RemBert RoFormer Ernie FNet MegatronBert ConvBert Data2VecText XLMRoberta Esm Luke
        Splinter XmodRoberta Nezha Ibert Yoso XGLM BioGpt GPTBigCode Cohere Granite Glm Nemotron Persimmon Olmo Qwen2Moe Olmoe Mamba Rwkv
        CTRL OpenAIGPT XLNet Ernie4_5 SmolLM3 Helium Exaone4 Bitnet Arcee HunYuanDenseV1"""
    for name in names.split():
        config, model = getattr(t, name + "Config", None), getattr(t, name + "Model", None)
        if config is None or model is None:
            continue

        def make(config=config, model=model):
            c = config(**dict(SMALL, pad_token_id=0, num_key_value_heads=2, num_experts=4, moe_intermediate_size=16, attention_window=4, embedding_size=32))
            c._attn_implementation = "eager"
            return model(c)
        yield "transformers, others", name, make, ids()
    for name in "ViTMAE ViTMSN Yolos Siglip2Vision SiglipVision CLIPVision BlipVision Dinov2WithRegisters IJepa DPT ASTModel Data2VecVision".split():
        config, model = getattr(t, name + "Config", None), getattr(t, name + "Model", None)
        if config is None or model is None:
            continue
        vision = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, image_size=32, patch_size=8)
        yield "transformers, others", name, lambda config=config, model=model, vision=vision: model(config(**vision)), lambda: ((), dict(pixel_values=torch.randn(2, 3, 32, 32)))


def own_families():
    for module in (flow_models_plain, flow_models_text, flow_models_vision):
        yield from module.MODELS


# Looked at while most patterns were written, and those that were measured afterwards.
TIMM = """resnet18 resnetv2_50 vit_tiny_patch16_224 deit_tiny_patch16_224 efficientnet_b0 mobilenetv3_small_100 mobilenetv2_100 convnext_atto
    swin_tiny_patch4_window7_224 mixer_s16_224 regnety_002 densenet121 vgg11_bn seresnet50 res2net50_26w_4s ghostnet_100
    beit_base_patch16_224 pit_ti_224 xception41 dla34 hrnet_w18_small poolformer_s12 cait_xxs24_224 levit_128s mobilevit_xxs
    edgenext_xx_small eva02_tiny_patch14_224 efficientvit_b0 convnextv2_atto coat_tiny convit_tiny crossvit_tiny_240 cspresnet50 davit_tiny
    efficientformer_l1 efficientvit_m0 focalnet_tiny_srf gmlp_s16_224 hgnet_tiny inception_resnet_v2 legacy_seresnet18 mobileone_s0
    mvitv2_tiny nf_resnet26 pvt_v2_b0 regnetz_005 repvit_m0_9 rexnet_100 skresnet18 swinv2_tiny_window8_256
    tiny_vit_5m_224 twins_svt_small vovnet39a xcit_nano_12_p16_224"""
TIMM_OTHERS = """bat_resnext26ts botnet26t_256 coatnet_nano_rw_224 convmixer_768_32 cspdarknet53 darknet53 deit3_small_patch16_224 dpn48b
    efficientformerv2_s0 fastvit_t8 fbnetc_100 flexivit_small gcvit_xxtiny gernet_s gmixer_24_224 halonet26t hardcorenas_a hiera_tiny_224
    inception_next_atto inception_v4 lambda_resnet26t lcnet_035 legacy_xception maxvit_nano_rw_256 mambaout_femto caformer_s18
    convformer_s18 mobilenetv4_conv_small mobilevitv2_050 nest_tiny nextvit_small rdnet_tiny repghostnet_050 repvgg_a0 resmlp_12_224
    resnest14d selecsls42 sequencer2d_s starnet_s050 swiftformer_xs swinv2_cr_tiny_224 tinynet_a tnt_s_patch16_224 tresnet_m
    twins_pcpvt_small visformer_tiny vit_relpos_small_patch16_224 vitamin_small_224 volo_d1_224 spnasnet_100"""


def timm_families():
    import timm
    for family, names in (("timm", TIMM), ("timm, others", TIMM_OTHERS)):
        for name in names.split():
            sizes = {"mobilevit_xxs": 256, "edgenext_xx_small": 256, "crossvit_tiny_240": 240, "inception_resnet_v2": 299, "inception_v4": 299, "flexivit_small": 240,
                     "swinv2_tiny_window8_256": 256, "botnet26t_256": 256, "halonet26t": 256, "maxvit_nano_rw_256": 256, "mobilevitv2_050": 256,
                     "lambda_resnet26t": 256}
            yield family, name, lambda name=name: timm.create_model(name, pretrained=False), image(sizes.get(name, 224), 1 if sizes.get(name) == 256 else 2)


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


FAMILIES = (own_families, torchvision_families, transformers_families, more_transformers, timm_families, diffusers_families, lora_families, yolo_families)
