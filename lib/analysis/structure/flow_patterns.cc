// The rows of the table; flow_pattern.h says how they are written. A row comes with a case that fits and one that
// nearly does in tests/unit/analysis/structure/flow_pattern_test.cc.
#include <array>

#include "lib/analysis/structure/flow_pattern.h"

namespace pthview {
namespace {

using enum FlowWhen;

// Names that whole families have for one thing.
#define QUERY "query|q_proj|to_q|q_lin|query_proj|linear_q|wq|q|q_a_proj|Wq|fc_q|query_layer|queries|W_q|w_q|w_qs"
#define KEY "key|k_proj|to_k|k_lin|key_proj|linear_k|wk|k|Wk|fc_k|key_layer|keys|W_k|w_k|w_ks"
#define VALUE "value|v_proj|to_v|v_lin|value_proj|linear_v|wv|v|Wv|fc_v|value_layer|values|W_v|w_v|w_vs"
#define FUSED "qkv|c_attn|query_key_value|Wqkv|qkv_proj|in_proj|att_proj|to_qkv|W_pack|in_proj_linear"
#define PROJECTION                                                                                                    \
  "out_proj|o_proj|to_out.0|proj|wo|out_lin|dense|c_proj|o|proj_out|linear_out|fc_out|Wo|out|to_out|fc_o|projection|" \
  "proj_attn|resid_proj|merge|W_o|w_o|c_proj.0|fc"
#define ATTENTION                                                                                             \
  "attn|self_attn|attention|self_attention|attn1|mixer|sa|modulation|mha|self_attention_layer|temporal_attn|" \
  "SelfAttention|attn_"                                                                                       \
  "layer|attention_layer"
#define NORM1                                                                                                       \
  "norm1|ln_1|ln1|input_layernorm|layernorm_before|layer_norm1|norm_1|attn_norm|attention_norm|ln_attn|layernorm1|" \
  "attn_ln|pre_norm|norm_before|layer_norm_before|pre_attention_layernorm|operator_norm|layer_norm_1|norm_attn"
#define NORM2                                                                                                       \
  "norm2|ln_2|ln2|post_attention_layernorm|layernorm_after|layer_norm2|norm_2|ffn_norm|mlp_norm|ln_mlp|layernorm2|" \
  "mlp_ln|norm_after|layer_norm_after|pre_feedforward_layernorm|layer_norm_2|norm_mlp|norm_ffn|final_layer_norm"
#define FEEDFORWARD                                                                                               \
  "mlp|ffn|feed_forward|feedforward|ff|ffwd|feed_fwd|mlp_channels|mlp_block|ffn_layer|MLP|block_sparse_moe|feed_" \
  "forward_layer"
#define SHORTCUT                                                                                                    \
  "downsample|shortcut|skip|conv_shortcut|identity|residual_conv|proj_skip|skip_connection|nin_shortcut|conv_skip|" \
  "res_conv|residual|match_dimensions|identity_downsample|conv_res"
#define HEAD                                                                                                         \
  "classifier|lm_head|head|fc|score|qa_outputs|heads|output_projection|proj_out|embed_out|out_proj|vocab_projector|" \
  "generator|head_drop|last_linear|logits|output|cls_head|final|fc_out|linear|decoder_head|output_layer|out|last_"   \
  "layer"

constexpr auto kPatterns = std::to_array<FlowPattern>({
    // ---- convolutional blocks ----
    {"residual block of pre-activations: norm1 before conv1, and before the shortcut",
     "in > bn1 > conv1 > bn2 > conv2 > ~add; bn1 > downsample|shortcut|convShortcut > ~add; ~add > out", "",
     kPreActivation},
    {"residual bottleneck of pre-activations: norm1 before conv1, and before the shortcut",
     "in > bn1|norm1 > conv1 > bn2|norm2 > conv2 > bn3|norm3 > conv3 > ~add; bn1|norm1 > downsample|shortcut > ~add; "
     "~add > out",
     "", kPreActivation},
    {"residual block of pre-activations: norm1 before conv1",
     "in > bn1|norm1 > conv1 > bn2|norm2 > conv2 > ~add; in > " SHORTCUT "? > ~add; ~add > out", "", kPreActivation},
    {"residual bottleneck of pre-activations: norm1 before conv1",
     "in > bn1|norm1 > conv1 > bn2|norm2 > conv2 > bn3|norm3 > conv3 > ~add; in > " SHORTCUT "? > ~add; ~add > out", "",
     kPreActivation},
    {"residual block: two convolutions and, where there is one, a shortcut",
     "in > conv1 > bn1|norm1 > conv2 > bn2|norm2 > se?|se_module?|ca?|attn?|eca?|cbam?|sa? > ~add; in > " SHORTCUT
     "? > bn_shortcut?|shortcut_bn? > ~add; ~add > out",
     "resnet.BasicBlock", kPostActivation},
    {"residual bottleneck: three convolutions and, where there is one, a shortcut",
     "in > conv1 > bn1|norm1 > conv2 > bn2|norm2 > conv3 > bn3|norm3 > se?|se_module?|ca?|attn?|eca?|cbam?|sa? > ~add; "
     "in > " SHORTCUT "? > ~add; ~add > out",
     "resnet.Bottleneck", kPostActivation},
    {"residual block of a diffusion model: the time is added between its convolutions",
     "in > norm1 > conv1 > ~add; time_emb_proj > ~add; ~add > norm2 > conv2 > ~add2; in > " SHORTCUT
     "? > ~add2; ~add2 > out",
     "resnet.ResnetBlock2D"},
    {"residual block of transformers' ResNet", "in > layer > ~add; in > shortcut? > ~add; ~add > out",
     "modeling_resnet.ResNetBasicLayer modeling_resnet.ResNetBottleNeckLayer modeling_regnet.RegNetXLayer",
     kConvolutions},
    {"residual block of a RegNet", "in > f > ~add; in > proj? > ~add; ~add > out", "regnet.ResBottleneckBlock"},
    {"branch of a RegNet", "in > a > b > se? > c > out", "regnet.BottleneckTransform"},
    {"residual block of a RegNet in timm",
     "in > conv1 > conv2 > se? > conv3 > ~add; in > downsample? > ~add; ~add > out", "regnet.Bottleneck"},
    {"squeeze and excitation: what the narrow branch makes scales the input",
     "in > fc1|conv_reduce|fc.0|excitation.0|reduce|conv1|down|squeeze > "
     "fc2|conv_expand|fc.2|excitation.2|expand|conv2|up|excite > ~mul; in > ~mul > out",
     "SqueezeExcitation", kNarrowConvolution},
    {"squeeze and excitation: what the narrow branch makes scales the input",
     "in > fc.0 > fc.2 > ~mul; in > ~mul > out", "SELayer", kNarrowLinear},
    {"channel attention of one convolution", "in > conv > ~mul; in > ~mul > out", "", kChannelAttention},
    {"inverted residual: widths agree, the input is added", "in > conv|block|layers > ~add; in > ~add > out",
     "mobilenetv2.InvertedResidual mobilenetv3.InvertedResidual mnasnet._InvertedResidual efficientnet.MBConv "
     "efficientnet.FusedMBConv",
     kInvertedSame},
    {"inverted residual: widths differ, nothing is added; or there is no expansion, and the input may be",
     "in > conv|block|layers > out",
     "mobilenetv2.InvertedResidual mobilenetv3.InvertedResidual mnasnet._InvertedResidual efficientnet.MBConv "
     "efficientnet.FusedMBConv",
     kInvertedOther, true},
    {"inverted residual with a norm before it, as a list of named layers",
     "in > pre_norm > conv_a > conv_b > squeeze_excitation > conv_c > out"},
    {"inverted residual: its list, and what projects the input beside it",
     "in > layers > ~add; in > proj? > ~add; ~add > out", "maxvit.MBConv", kEndsWithConvC},
    {"an inverted residual, then attention in windows and over a grid",
     "in > MBconv > window_attention > grid_attention > out", "maxvit.MaxVitLayer"},
    {"residual block of many scales: parts each through a convolution, joined (Res2Net)",
     "in > conv1 > bn1 > ~any > convs.0 > bns.0 > ~cat; ~any > convs.1 > bns.1 > ~cat; ~any > convs.2 > bns.2 > ~cat; "
     "~any > ~cat > conv3 > bn3 > ~add; in > downsample > ~add; ~add > out",
     "Bottle2neck"},
    {"residual block of many scales: each part is given what the one before made, too (Res2Net)",
     "in > conv1 > bn1 > ~any > convs.0 > bns.0 > ~cat; bns.0 > ~add1; ~any > ~add1 > convs.1 > bns.1 > ~cat; bns.1 > "
     "~add2; ~any > ~add2 > convs.2 > bns.2 > ~cat; ~any > ~cat > conv3 > bn3 > ~add; in > ~add > out",
     "Bottle2neck"},
    {"two convolutions with a norm between", "in > conv1 > bn > conv2 > out", "", kAlways, true},
    {"modulation by contexts of growing size",
     "in > f > ~any > focal_layers+ > ~add; ~any > ~add > h > ~any2 > ~mul; ~any > ~mul > proj > out",
     "FocalModulation"},
    {"inverted residual of timm: widths agree, the input is added",
     "in > conv_pw > bn1 > conv_dw > bn2 > se? > conv_pwl > bn3 > ~add; in > ~add > out", "InvertedResidual",
     kSameWidth},
    {"inverted residual of timm: widths differ", "in > conv_pw > bn1 > conv_dw > bn2 > se? > conv_pwl > bn3 > out",
     "InvertedResidual"},
    {"depthwise separable block of timm; where widths agree the input may be added",
     "in > conv_dw > bn1 > se? > conv_pw > bn2 > out", "DepthwiseSeparableConv", kAlways, true},
    {"fused inverted residual of timm: widths agree, the input is added",
     "in > conv_exp > bn1 > se? > conv_pwl > bn2 > ~add; in > ~add > out", "EdgeResidual", kSameWidth},
    {"fused inverted residual of timm: widths differ", "in > conv_exp > bn1 > se? > conv_pwl > bn2 > out",
     "EdgeResidual"},
    {"ConvNeXt block", "in > block > ~add; in > ~add > out", "convnext.CNBlock", kConvNeXt},
    {"ConvNeXt block", "in > conv_dw|dwconv > norm > mlp > ~add; in > ~add > out", "convnext.ConvNeXtBlock"},
    {"ConvNeXt block", "in > dwconv|depthwise_conv > norm|layernorm > pwconv1 > grn? > pwconv2 > ~add; in > ~add > out",
     "modeling_convnext.ConvNextLayer"},
    {"a downsampling, then the blocks of a stage", "in > downsample > blocks > out", "convnext.ConvNeXtStage"},
    {"a downsampling, then the blocks of a stage", "in > downsampling_layer > layers > out", "ConvNextStage"},
    // ---- convolutions side by side ----
    {"convolutions side by side and the input normalized, added (MobileOne)",
     "in > conv_kxk& > ~add; in > conv_scale? > ~add; in > identity? > ~add; ~add > se?|attn? > out", "MobileOneBlock"},
    {"two convolutions side by side and the input normalized, added (RepVGG)",
     "in > conv_kxk > ~add; in > conv_1x1 > ~add; in > identity? > ~add; ~add > attn? > out", "RepVggBlock"},
    {"ghost module: what a convolution makes, and more made of that",
     "in > primary_conv > ~cat; primary_conv > cheap_operation > ~cat; ~cat > out", "GhostModule"},
    {"ghost bottleneck", "in > ghost1 > conv_dw? > bn_dw? > se? > ghost2 > ~add; in > shortcut? > ~add; ~add > out",
     "GhostBottleneck"},
    {"one-shot aggregation: all that was made in a row is joined",
     "in > conv_reduction? > conv_mid+ > ~cat; in > ~cat > conv_concat > attn? > out", "OsaBlock"},
    {"one-shot aggregation: all that was made in a row is joined", "in > layers+ > ~cat; in > ~cat > aggregation > out",
     "HighPerfGpuBlock"},
    {"C2f: one convolution, blocks in a row, all joined", "in > cv1 > ~cat; cv1 > ~any > m+ > ~cat; ~cat > cv2 > out",
     "block.C2f block.C3k2"},
    {"three layers with a depthwise convolution between", "in > pwconv1 > act1? > dwconv > act2? > pwconv2 > out"},
    {"feed forward with a gate over tokens",
     "in > fc1 > ~any > gate.norm > ~any2 > gate.proj > ~any3 > ~mul; ~any > ~mul > fc2 > out"},
    {"fire module: two convolutions side by side on the squeezed input",
     "in > squeeze > expand1x1 > ~cat; squeeze > expand3x3 > ~cat; ~cat > out", "squeezenet.Fire"},
    {"channel shuffle unit with two branches", "in > branch1 > ~cat; in > branch2 > ~cat; ~cat > out",
     "shufflenetv2.InvertedResidual"},
    {"channel shuffle unit: half of the input goes round the branch",
     "in > ~any > branch2 > ~cat; in > ~any2 > ~cat; ~cat > ~any3 > out", "shufflenetv2.InvertedResidual"},
    {"dense layer", "in > norm1 > conv1 > norm2 > conv2 > out", "densenet._DenseLayer", kPreActivation},
    {"features of a DenseNet",
     "in > conv0 > norm0 > denseblock1 > transition1? > denseblock2? > transition2? > denseblock3? > transition3? > "
     "denseblock4? > norm5? > out",
     "densenet.DenseNet"},
    {"normalization, then its convolution", "in > bn|norm > conv > out", "", kInTurn},
    {"convolution and its normalization", "in > conv|conv2d > bn|norm|normalization|batch_norm|batchnorm|gn > out",
     "BasicConv2d ConvNormActivation ConvBnAct"},
    {"transition between dense blocks", "in > norm > conv > out", "densenet._Transition"},
    {"convolution and its normalization", "in > conv > convolution > norm > out"},
    {"convolution and its normalization", "in > convolution > normalization|norm > out", "ConvLayer"},
    {"separable convolution",
     "in > depthwise|conv_dw|dw|depthwise_conv > bn1?|bn_depth? > pointwise|conv_pw|pw|pointwise_conv > bn2?|bn? > out",
     "", kAlways, true},
    {"separable convolution, each half with its normalization", "in > conv_dw > bn_dw > conv_pw > bn_pw > out",
     "SeparableConvNormAct"},
    {"three convolutions in a row", "in > conv1 > conv2 > conv3 > out", "", kContainers, true},
    {"residual block: a stack of convolutions and a shortcut", "in > stack > ~add; in > shortcut > ~add; ~add > out",
     "XceptionModule"},
    {"U-Net's step up: enlarged, joined with what the step down made",
     "in > up|upconv|upsample|up_conv|upconv1 > ~cat; mem > ~cat > conv|double_conv|conv_block|convs > out", "", kJoin},
    {"two convolutions, each with its normalization", "in > conv1 > bn1 > conv2 > bn2 > out", "", kOtherWidth},
    {"normalization before a projection", "in > ~any > norm > reduction > out",
     "swin_transformer.PatchMerging PatchMerging"},
    {"projection before a normalization", "in > ~any > reduction > norm > out", "PatchMergingV2"},
    // ---- branches ----
    {"inception module: branches side by side",
     "in > branch1 > ~cat; in > branch2 > ~cat; in > branch3 > ~cat; in > branch4 > ~cat; ~cat > out",
     "googlenet.Inception"},
    {"inception module: branches side by side",
     "in > branch1x1 > ~cat; in > branch5x5_1 > branch5x5_2 > ~cat; in > branch3x3dbl_1 > branch3x3dbl_2 > "
     "branch3x3dbl_3 > ~cat; in > branch_pool > ~cat; ~cat > out",
     "inception.InceptionA"},
    {"inception module: branches side by side, a pooling among them",
     "in > branch3x3 > ~cat; in > branch3x3dbl_1 > branch3x3dbl_2 > branch3x3dbl_3 > ~cat; in > ~cat > ~any > out",
     "inception.InceptionB"},
    {"inception module: branches side by side",
     "in > branch1x1 > ~cat; in > branch7x7_1 > branch7x7_2 > branch7x7_3 > ~cat; in > branch7x7dbl_1 > branch7x7dbl_2 "
     "> branch7x7dbl_3 > branch7x7dbl_4 > branch7x7dbl_5 > ~cat; in > branch_pool > ~cat; ~cat > out",
     "inception.InceptionC"},
    {"inception module: branches side by side, a pooling among them",
     "in > branch3x3_1 > branch3x3_2 > ~cat; in > branch7x7x3_1 > branch7x7x3_2 > branch7x7x3_3 > branch7x7x3_4 > "
     "~cat; in > ~cat > ~any > out",
     "inception.InceptionD"},
    {"inception module: branches that part again",
     "in > branch1x1 > ~cat; in > branch3x3_1 > branch3x3_2a > ~cat; branch3x3_1 > branch3x3_2b > ~cat; in > "
     "branch3x3dbl_1 > branch3x3dbl_2 > branch3x3dbl_3a > ~cat; branch3x3dbl_2 > branch3x3dbl_3b > ~cat; in > "
     "branch_pool > ~cat; ~cat > out",
     "inception.InceptionE"},
    {"auxiliary classifier", "in > conv > ~any > fc1 > fc2 > out", "googlenet.InceptionAux"},
    {"auxiliary classifier", "in > conv0 > conv1 > fc > out", "inception.InceptionAux"},
    {"GoogLeNet",
     "in > conv1 > conv2 > conv3 > inception3a > inception3b > inception4a > inception4b > inception4c > inception4d > "
     "inception4e > inception5a > inception5b > fc > out; inception4a > aux1?; inception4d > aux2?",
     "googlenet.GoogLeNet"},
    {"Inception v3",
     "in > Conv2d_1a_3x3 > Conv2d_2a_3x3 > Conv2d_2b_3x3 > Conv2d_3b_1x1 > Conv2d_4a_3x3 > Mixed_5b > Mixed_5c > "
     "Mixed_5d > Mixed_6a > Mixed_6b > Mixed_6c > Mixed_6d > Mixed_6e > Mixed_7a > Mixed_7b > Mixed_7c > fc > out; "
     "Mixed_6e > AuxLogits?",
     "inception.Inception3"},
    // ---- attention ----
    {"attention: query, key and value side by side into the output projection",
     "in > " QUERY " > ~any > q_norm?|norm_q?|q_layernorm?|q_ln? > ~attention; kv > " KEY
     " > ~any2 > k_norm?|norm_k?|k_layernorm?|k_ln? > ~attention; kv > " VALUE
     " > ~attention; ~attention > inner_attn_ln? > " PROJECTION
     " > out; relative_attention_bias?; pos_bias_embeddings?; relative_position_bias?; rotary_emb?",
     "Attention"},
    {"attention of diffusers: normalized, query, key and value side by side, added to what it was given",
     "in > group_norm > to_q > ~attention; group_norm > to_k > ~attention; group_norm > to_v > ~attention; ~attention "
     "> to_out.0 > ~add; in > ~add > out",
     "attention_processor.Attention"},
    {"attention with a reduced key and value (SegFormer)",
     "in > q_proj > ~attention; in > sequence_reduction.sequence_reduction > sequence_reduction.layer_norm > k_proj > "
     "~attention; sequence_reduction.layer_norm > v_proj > ~attention; ~attention > o_proj > out",
     "SegformerAttention"},
    {"attention and its output: added and normalized", "in > attn > ~add; in > ~add > LayerNorm > out",
     "MPNetAttention"},
    {"attention of BERT: query, key and value side by side, then its output is added and normalized",
     "in > " QUERY " > ~attention; kv > " KEY " > ~attention; kv > " VALUE
     " > ~attention; ~attention > dense > ~add; in > ~add > LayerNorm > out",
     "AlbertAttention"},
    {"attention: query, key and value side by side",
     "in > " QUERY " > ~attention; kv > " KEY " > ~attention; kv > " VALUE
     " > ~attention; ~attention > out; distance_embedding?; rel_pos_bias?",
     "SelfAttention"},
    {"attention: query apart, key and value in one",
     "in > " QUERY " > ~attention; kv > kv_proj|to_kv|kv > ~any > ~attention; ~attention > " PROJECTION " > out"},
    {"attention with a reduced key and value (SegFormer)",
     "in > query > ~attention; in > sr > layer_norm > key > ~attention; layer_norm > value > ~attention; ~attention > "
     "out"},
    {"attention: normalized, query, key and value in one, then the output projection",
     "in > norm > to_qkv > ~any > ~attention > to_out.0|to_out > out"},
    {"attention: normalized, query, key and value in one, then the output projection",
     "in > norm > " FUSED " > ~any > ~attention > " PROJECTION " > out", "", kInTurn},
    {"attention: query, key and value in one, then a norm and the output projection",
     "in > " FUSED " > ~any > q_norm?|q_ln? > ~attention; ~any > k_norm?|k_ln? > ~attention; ~any > ~attention; "
     "~attention > norm > " PROJECTION " > out; cpb_mlp?; relative_position_bias_table?",
     "", kInTurn},
    {"attention: query, key and value in one, then the output projection",
     "in > " FUSED " > ~any > q_norm?|q_ln? > ~attention; ~any > k_norm?|k_ln? > ~attention; ~any > ~attention; "
     "~attention > " PROJECTION " > out; cpb_mlp?; relative_position_bias_table?",
     "Attention ShiftedWindowAttention"},
    {"attention: query, key and value in one, then the output projection; the positions' bias has tensors of its own",
     "in > qkv > ~any > ~attention > proj > out; rel_pos?; rel_pos_bias?; rel_pos_emb?", "RelPosAttn"},
    {"attention of talking heads: scores are mixed before and behind the softmax",
     "in > qkv > ~any > proj_l > proj_w > ~attention; ~any > ~attention > proj > out"},
    {"attention as a list of heads side by side", "in > heads& > ~cat > " PROJECTION " > out"},
    {"attention of four linear layers: query, key, value and output",
     "in > linears.0 > ~attention; kv > linears.1 > ~attention; kv > linears.2 > ~attention; ~attention > linears.3 > "
     "out"},
    {"attention of three linear layers: query, key and value, then the output projection",
     "in > linear_layers.0 > ~attention; kv > linear_layers.1 > ~attention; kv > linear_layers.2 > ~attention; "
     "~attention > output_linear > out"},
    {"attention with a reduced key and value",
     "in > q > ~attention; in > sr > norm > kv > ~attention; ~attention > proj > out"},
    {"window attention: query, key and value in one; the positions' bias has layers of its own",
     "in > qkv > ~any > proj > out; cpb_mlp > ~any2"},
    {"attention and its output: added and normalized",
     "in > self > output.dense > ~add; mem > self@pass; in > ~add > output.LayerNorm|output.layer_norm > out",
     "BertAttention RobertaAttention ElectraAttention"},
    {"attention and its output", "in > attention|self > output.dense > out; mem > attention|self@pass", "ViTAttention"},
    // ---- feed forward ----
    {"gated feed forward: gate and up side by side, multiplied, down",
     "in > gate_proj|w1|wi_0|gate|linear_gate|fc1_g|w1_gate|mlp_gate > ~mul; in > up_proj|w3|wi_1|up|linear_fc|fc1_x > "
     "~mul; ~mul > norm? > down_proj|w2|wo|down|fc2|linear_out > out",
     "LlamaMLP MistralMLP"},
    {"gated feed forward: gate and up in one, then down",
     "in > gate_up_proj|w12|linear_in > ~any > down_proj|w3|linear_out > out"},
    {"gated feed forward of diffusers: two halves in one, then down", "in > net.0.proj > ~any > net.2 > out",
     "FeedForward"},
    {"feed forward: up and down",
     "in > "
     "fc1|c_fc|lin1|wi|dense_h_to_4h|fc_in|up_proj|linear1|w_1|intermediate_dense|linear_1|layer_1|w1|dense1|proj_up|"
     "fc_1|in_layer|lin_1|Wi|dense_in > norm?|act?|grn?|dwconv.dwconv?|dwconv?|dw?|dwconv.conv? > "
     "fc2|c_proj|lin2|wo|dense_4h_to_h|fc_out|down_proj|linear2|w_2|output_dense|linear_2|layer_2|w2|dense2|proj_down|"
     "fc_2|out_layer|lin_2|Wo|dense_out > out",
     "MLP Mlp FFN", kAlways, true},
    {"gated feed forward: two halves in one, multiplied, down",
     "in > fc1|Wi|wi|c_fc|up_proj > ~any > norm? > fc2|Wo|wo|c_proj|down_proj > out", "GluMlp ModernBertMLP", kHalves},
    // ---- transformer blocks ----
    {"transformer block whose first norm is none",
     "in > attn > ~add; in > ~add > mlp_norm > mlp > ~add2; ~add > ~add2 > out", "ModernBertEncoderLayer"},
    {"block of a pooling that has no weights, norms before the branches",
     "in > norm1 > layer_scale1|ls1 > ~add; in > ~add > norm2 > mlp > layer_scale2|ls2 > ~add2; ~add > ~add2 > out",
     "MetaFormerBlock"},
    {"transformer block of lists of two: each branch begins with its norm and is added",
     "in > 0 > ~add; in > ~add > 1 > ~add2; ~add > ~add2 > out", "", kNormedPair},
    {"transformer block of two sublayers, each with its norm before and added",
     "in > sublayer.0.norm > self_attn > ~add; in > ~add > sublayer.1.norm > feed_forward > ~add2; ~add > ~add2 > out",
     "EncoderLayer"},
    {"decoder block of three sublayers, each with its norm before and added",
     "in > sublayer.0.norm > self_attn > ~add; in > ~add > sublayer.1.norm > src_attn > ~add2; mem > src_attn@mem; "
     "~add > ~add2 > sublayer.2.norm > feed_forward > ~add3; ~add2 > ~add3 > out",
     "DecoderLayer"},
    {"transformer block of an input and an output sublayer, each with its norm before and added",
     "in > input_sublayer.norm > attention > ~add; in > ~add > output_sublayer.norm > feed_forward > ~add2; ~add > "
     "~add2 > out",
     "TransformerBlock"},
    {"block of a mixer and a feed forward, each added to the scaled input",
     "in > norm1 > token_mixer > layer_scale1? > ~add; in > res_scale1? > ~add; ~add > norm2 > mlp > layer_scale2? > "
     "~add2; ~add > res_scale2? > ~add2; ~add2 > out",
     "MetaFormerBlock"},
    {"block of layers over tokens, then over channels",
     "in > norm1 > ~any > linear_tokens > ~any2 > ~add; in > ~add > norm2 > mlp_channels > ~add2; ~add > ~add2 > out",
     "ResBlock"},
    {"block of one branch that begins with its norm", "in > norm > mlp_channels > ~add; in > ~add > out",
     "SpatialGatingBlock"},
    {"a norm before what it is for", "in > norm > fn > out", "PreNorm"},
    {"transformer block with norms after each branch (Swin v2)",
     "attn.cpb_mlp!; in > attn > norm1 > ~add; in > ~add > mlp > norm2 > ~add2; ~add > ~add2 > out",
     "SwinTransformerBlockV2"},
    {"transformer block with norms before and after each branch",
     "in > input_layernorm > self_attn > post_attention_layernorm > ~add; in > ~add > pre_feedforward_layernorm > mlp "
     "> post_feedforward_layernorm > ~add2; ~add > ~add2 > out",
     "Gemma2DecoderLayer Gemma3DecoderLayer"},
    {"transformer block with norms after each branch",
     "in > self_attn > post_attention_layernorm > ~add; in > ~add > mlp > post_feedforward_layernorm > ~add2; ~add > "
     "~add2 > out",
     "Olmo2DecoderLayer"},
    {"transformer block whose attention and feed forward stand side by side, each after its norm",
     "attention.query_key_value!; in > input_layernorm > attention > ~add; in > post_attention_layernorm > mlp > ~add; "
     "in > ~add > out",
     "GPTNeoXLayer"},
    {"transformer block whose attention and feed forward stand side by side after one norm",
     "in > input_layernorm|ln_1|norm1|ln > attn|self_attn|self_attention > ~add; input_layernorm|ln_1|norm1|ln > mlp > "
     "~add; in > ~add > out",
     "PhiDecoderLayer GPTJBlock FalconDecoderLayer CodeGenBlock"},
    {"transformer block, norms before the branches, with cross attention",
     "in > ln_1|norm1 > attn|self_attn|attn1 > ~add; in > ~add > ln_cross_attn|norm2 > crossattention|attn2|cross_attn "
     "> ~add2; mem > crossattention|attn2|cross_attn@mem; ~add > ~add2 > ln_2|norm3 > mlp|ff > ~add3; ~add2 > ~add3 > "
     "out",
     "BasicTransformerBlock GPT2Block"},
    {"transformer block, norms before the branches",
     "in > " NORM1 " > " ATTENTION " > ls1?|gamma_1?|layer_scale1? > ~add; in > ~add > " NORM2 " > " FEEDFORWARD
     " > ls2?|layer_scale2? > ~add2; ~add > ~add2 > out; drop_path?; drop_path1?",
     "GPT2Block LlamaDecoderLayer MistralDecoderLayer CLIPEncoderLayer SwinTransformerBlock vision_transformer.Block",
     kNotAfter},
    {"transformer block with positions by convolutions before each branch",
     "in > cpe1 > norm1 > attn > ~add; cpe1 > ~add > cpe2 > norm2 > mlp > ~add2; cpe2 > ~add2 > out",
     "davit.SpatialBlock davit.ChannelBlock"},
    {"transformer block with a patch of convolutions between its branches",
     "in > norm1 > attn > ~add; in > ~add > norm3 > local_mp > ~add2; ~add > ~add2 > norm2 > mlp > ~add3; ~add2 > "
     "~add3 > out",
     "XCABlock"},
    {"transformer block of two lists that begin with their norms, each added",
     "in > attn_layer > ~add; in > ~add > mlp_layer > ~add2; ~add > ~add2 > out", "maxvit.PartitionAttentionLayer"},
    {"a residual around what it calls", "in > fn > ~add; in > ~add > out", "Residual", kSameWidth},
    {"mixer block: tokens, then channels",
     "in > norm1 > ~any > mlp_tokens > ~any2 > ~add; in > ~add > norm2 > mlp_channels > ~add2; ~add > ~add2 > out",
     "MixerBlock"},
    {"transformer block, norms before the branches (torchvision's ViT)",
     "in > ln_1 > self_attention > ~add; in > ~add > ln_2 > mlp > ~add2; ~add > ~add2 > out",
     "vision_transformer.EncoderBlock"},
    {"transformer block, norms before the branches (BERT's names)",
     "in > layernorm_before > attention > ~add; in > ~add > layernorm_after > intermediate.dense > output.dense > "
     "~add2; ~add > ~add2 > out; lambda_1?",
     "ViTLayer"},
    {"transformer block of BERT: each branch is added, then normalized",
     "in > attention > crossattention? > intermediate.dense > output.dense > ~add; mem > crossattention?@mem; "
     "crossattention? > ~add; ~add > output.LayerNorm|output.layer_norm > out",
     "BertLayer RobertaLayer ElectraLayer"},
    {"transformer block of DistilBERT: each branch is added, then normalized",
     "in > attention > ~add; in > ~add > sa_layer_norm > ffn > ~add2; sa_layer_norm > ~add2 > output_layer_norm > out",
     "distilbert.TransformerBlock"},
    {"transformer block of ALBERT",
     "in > attention > ffn > ffn_output > ~add; attention > ~add > full_layer_layer_norm > out", "AlbertLayer"},
    {"decoder block, norms before the branches",
     "in > self_attn_layer_norm > self_attn > ~add; in > ~add > encoder_attn_layer_norm > encoder_attn > ~add2; mem > "
     "encoder_attn@mem; ~add > ~add2 > final_layer_norm > fc1 > fc2 > ~add3; ~add2 > ~add3 > out",
     "WhisperDecoderLayer", kFinalNorm},
    {"decoder block, norms after the branches",
     "in > self_attn > ~add; in > ~add > self_attn_layer_norm > encoder_attn > ~add2; mem > encoder_attn@mem; "
     "self_attn_layer_norm > ~add2 > encoder_attn_layer_norm > fc1 > fc2 > ~add3; encoder_attn_layer_norm > ~add3 > "
     "final_layer_norm > out",
     "BartDecoderLayer"},
    {"encoder block, norms before the branches",
     "in > self_attn_layer_norm > self_attn > ~add; in > ~add > final_layer_norm > fc1 > fc2 > ~add2; ~add > ~add2 > "
     "out",
     "OPTDecoderLayer WhisperEncoderLayer", kFinalNorm},
    {"encoder block, norms after the branches",
     "in > self_attn > ~add; in > ~add > self_attn_layer_norm > fc1 > fc2 > ~add2; self_attn_layer_norm > ~add2 > "
     "final_layer_norm > out",
     "BartEncoderLayer"},
    {"encoder block of wav2vec2, norms after the branches",
     "in > attention > ~add; in > ~add > layer_norm > feed_forward > ~add2; layer_norm > ~add2 > final_layer_norm > "
     "out",
     "Wav2Vec2EncoderLayer HubertEncoderLayer"},
    {"torch.nn.TransformerEncoderLayer: norms after the branches, which is its default",
     "in > self_attn > ~add; in > ~add > norm1 > linear1 > linear2 > ~add2; norm1 > ~add2 > norm2 > out",
     "torch.nn.modules.transformer.TransformerEncoderLayer"},
    {"torch.nn.TransformerDecoderLayer: norms after the branches, which is its default",
     "in > self_attn > ~add; in > ~add > norm1 > multihead_attn > ~add2; mem > multihead_attn@mem; norm1 > ~add2 > "
     "norm2 > linear1 > linear2 > ~add3; norm2 > ~add3 > norm3 > out",
     "torch.nn.modules.transformer.TransformerDecoderLayer"},
    {"branch of T5: normalized, attended, added", "in > layer_norm > SelfAttention > ~add; in > ~add > out",
     "T5LayerSelfAttention"},
    {"branch of T5: what the encoder made, attended and added",
     "in > layer_norm > EncDecAttention > ~add; mem > EncDecAttention@mem; in > ~add > out", "T5LayerCrossAttention"},
    {"branch of T5: normalized, fed forward, added", "in > layer_norm > DenseReluDense > ~add; in > ~add > out",
     "T5LayerFF"},
    // ---- embeddings, stacks, heads ----
    {"embeddings of words, normalized", "in > tok_embeddings|word_embeddings > norm|LayerNorm > out",
     "ModernBertEmbeddings"},
    {"embeddings of tokens, positions and segments, added",
     "in > token > ~add; position? > ~add; segment > ~add; ~add > out"},
    {"embeddings of words, positions and types, added and normalized",
     "in > word_embeddings|tok_embeddings|token_embeddings > ~add; position_embeddings? > ~add; token_type_embeddings? "
     "> ~add; ~add > LayerNorm|norm|layer_norm > embeddings_project? > out",
     "BertEmbeddings RobertaEmbeddings"},
    {"embeddings of tokens and positions, added", "in > token_embedding > ~add; position_embedding > ~add; ~add > out",
     "CLIPTextEmbeddings"},
    {"embeddings of patches and positions, added", "in > patch_embedding > ~add; position_embedding > ~add; ~add > out",
     "CLIPVisionEmbeddings"},
    {"embeddings of patches", "in > patch_embeddings.projection|patch_embeddings.proj|patch_embeddings > norm? > out",
     "ViTEmbeddings SwinEmbeddings"},
    {"patches", "in > proj|projection|patch_embeddings > norm?|layer_norm?|layernorm? > out", "PatchEmbed"},
    {"GPT-2: words and positions added, blocks, norm, and where there is one a head",
     "in > wte > ~add; wpe > ~add; ~add > h > ln_f > lm_head? > out", "GPT2Model"},
    {"GPT-2 without positions: words, blocks, norm",
     "in > wte|embed_in|word_embeddings > word_embeddings_layernorm? > h|layers|blocks > "
     "ln_f|final_layer_norm|norm_f|final_layernorm > lm_head? > out",
     "GPTJModel BloomModel FalconModel"},
    {"words, blocks, norm and, where there is one, a head",
     "in > embed_tokens|tok_embeddings|embeddings|word_embeddings|embedding > layers|blocks|h > "
     "norm|final_layernorm|final_norm|ln_f|embedding_norm|norm_f > output?|lm_head? > out; rotary_emb?",
     "LlamaModel MistralModel"},
    {"words and positions added, blocks, norm",
     "in > embed_tokens > project_in? > ~add; embed_positions > ~add; ~add > layernorm_embedding? > layers > "
     "final_layer_norm?|layer_norm? > project_out? > out; mem > layers@pass",
     "OPTDecoder BartDecoder BartEncoder WhisperDecoder"},
    {"sound, two convolutions, positions added, blocks, norm",
     "in > conv1 > conv2 > ~add; embed_positions > ~add; ~add > layers > layer_norm > out", "WhisperEncoder"},
    {"T5's stack", "in > embed_tokens? > block > final_layer_norm > out; mem > block@pass", "T5Stack"},
    {"T5: encoder and decoder, which is given what the encoder made, each with the shared words",
     "encoder.embed_tokens!; shared?; in > encoder > decoder@mem; decoder > lm_head? > out",
     "T5Model T5ForConditionalGeneration BartModel"},
    {"T5: words into encoder and decoder, which is given what the encoder made",
     "in > shared > encoder > decoder@mem; shared > decoder > lm_head? > out", "T5Model T5ForConditionalGeneration"},
    {"encoder and decoder, which is given what the encoder made",
     "in > encoder > decoder@mem; decoder > lm_head?|proj_out? > out; shared?", "BartModel WhisperModel"},
    {"a block of T5: its branches in turn", "in > layer# > out; mem > layer#@pass", "T5Block"},
    {"encoder of BERT",
     "in > embedding_hidden_mapping_in? > layer|layers|albert_layer_groups > out; mem > "
     "layer|layers|albert_layer_groups@pass; rel_embeddings?; relative_attention_bias?",
     "BertEncoder"},
    {"embeddings, encoder, norm or pooler",
     "in > embeddings > embeddings_project? > pre_layrnorm? > encoder|transformer|layers|layer > "
     "layernorm?|post_layernorm?|final_layer_norm? > pooler?|pooler.dense? > out",
     "BertModel ViTModel CLIPVisionTransformer"},
    {"layers, then a norm",
     "in > layers|blocks|layer|resblocks > norm|ln|layer_norm|final_layer_norm|layernorm > out; mem > "
     "layers|blocks|layer|resblocks@pass",
     "torch.nn.modules.transformer.TransformerEncoder"},
    {"encoder of torchvision's ViT", "in > layers > ln > out", "vision_transformer.Encoder"},
    {"torchvision's ViT: patches, encoder, head", "in > conv_proj > encoder > heads > out",
     "vision_transformer.VisionTransformer"},
    {"head of a masked language model",
     "in > transform.dense|dense > transform.LayerNorm|layer_norm|LayerNorm > decoder > out", "BertLMPredictionHead"},
    {"classification head: dense, then out", "in > dense > out_proj > out", "RobertaClassificationHead"},
    {"head around predictions", "in > predictions > out; seq_relationship?", "BertOnlyMLMHead"},
    {"patches, blocks, norm, head (timm)",
     "in > patch_embed|stem > norm_pre? > blocks|layers|stages > norm? > fc_norm? > head > out",
     "vision_transformer.VisionTransformer"},
    {"ConvNeXt: stem, stages, head", "in > stem > stages > norm_pre? > head > out", "convnext.ConvNeXt"},
    {"head with its norm", "in > norm > fc > out", "NormMlpClassifierHead"},
    {"ResNet: stem, layers, head",
     "in > conv1 > bn1|norm1 > relu? > maxpool? > layer1 > layer2? > layer3? > layer4? > avgpool? > "
     "fc?|head?|linear?|classifier? > out",
     "resnet.ResNet"},
    {"EfficientNet of timm: stem, blocks, head",
     "in > conv_stem > bn1 > blocks > conv_head? > bn2? > norm_head? > classifier? > out", "efficientnet.EfficientNet"},
    {"ShuffleNet: stem, stages, head", "in > conv1 > stage2 > stage3 > stage4 > conv5 > fc > out",
     "shufflenetv2.ShuffleNetV2"},
    {"RegNet: stem, stages, head", "in > stem > trunk_output > fc > out", "regnet.RegNet"},
    {"features, norm, head", "in > features > norm > head > out", "swin_transformer.SwinTransformer"},
    {"features, then a classifier", "in > features > avgpool? > classifier > out",
     "vgg.VGG alexnet.AlexNet mobilenetv2.MobileNetV2 mobilenetv3.MobileNetV3 efficientnet.EfficientNet "
     "densenet.DenseNet squeezenet.SqueezeNet convnext.ConvNeXt"},
    {"features, fully connected layers, head", "in > features > ~any > pre_logits > head.fc > out", "vgg.VGG"},
    {"text and image side by side, each with its projection",
     "in > vision_model > visual_projection > out; text_model > text_projection", "CLIPModel"},
    {"layers, then a classifier", "in > layers > classifier > out", "mnasnet.MNASNet"},
    {"segmentation: backbone, then a head; the auxiliary head is given the stage before the last",
     "in > backbone > classifier > out; backbone.layer3! > aux_classifier?", "fcn.FCN deeplabv3.DeepLabV3"},
    {"atrous pyramid: branches side by side, then a projection",
     "in > convs.0 > ~cat; in > convs.1 > ~cat; in > convs.2 > ~cat; in > convs.3 > ~cat; in > convs.4 > ~cat; ~cat > "
     "project > out",
     "deeplabv3.ASPP"},
    // ---- models ----
    {"language model: tokens and positions added, blocks, norm, head",
     "in > token_embedding_table|token_embedding|tok_emb|token_emb|tok_embed > ~add; "
     "position_embedding_table|position_embedding|pos_emb|pos_embed|pos_embedding? > ~add; ~add > "
     "blocks|layers|transformer_blocks|transformer > ln_f|norm|final_norm|ln > lm_head|head|to_logits|fc_out|output > "
     "out"},
    {"embedding, blocks", "in > embedding|embeddings|embed > transformer_blocks > out"},
    {"embedding, encoder of torch.nn, head",
     "in > embedding|embed|emb|encoder > transformer_encoder|transformer > fc|decoder|linear|out|classifier|fc_out > "
     "out"},
    {"patches, transformer, head",
     "in > to_patch_embedding|patch_embedding|patch_embed|conv_proj > transformer|encoder|blocks > to_latent? > "
     "mlp_head|head|heads|classifier|linear_head > out",
     "ViT"},
    {"words, convolutions of several lengths side by side, joined",
     "in > embedding|embed|emb > ~any > convs& > ~cat > ~any2 > fc|linear|classifier|out > out"},
    {"mixture of experts: experts side by side, weighted by the gate and added",
     "in > gate|router|gating|w_gate|gate_layer > ~any > ~add; in > experts& > ~add; ~add > out"},
    {"mixture of experts in one module, given the choice of the router",
     "in > gate|router|router.layer > ~any > experts; in > experts > out", "MixtralSparseMoeBlock"},
    {"variational autoencoder: mean and deviation side by side, drawn from, decoded",
     "in > fc1 > fc21 > ~add; fc1 > fc22 > ~add; ~add > fc3 > fc4 > out"},
    {"variational autoencoder: what encodes, mean and deviation side by side, drawn from, decoded",
     "in > encoder > fc_mu|mu|fc_mean|mean|mean_layer > ~add; encoder > "
     "fc_var|fc_logvar|logvar|log_var|fc_log_var|var|logvar_layer > ~add; ~add > decoder_input?|fc_decode? > decoder > "
     "final_layer? > out"},
    {"convolutions, a recurrent net, a head",
     "in > cnn|conv|features|backbone > ~any > rnn|lstm|gru|bilstm > fc|linear|classifier|out|head > out"},
    {"embedding, a recurrent net, a head",
     "in > embedding|embed|emb|encoder|word_embeddings > rnn|lstm|gru|bilstm > "
     "fc|linear|out|decoder|hidden2tag|classifier|fc_out > out"},
    // ---- pyramids ----
    {"feature pyramid: each stage through a convolution, added from the top downwards, smoothed",
     "in > body; body.layer4! > fpn.inner_blocks.3 > fpn.layer_blocks.3; body.layer3! > fpn.inner_blocks.2 > ~add2; "
     "fpn.inner_blocks.3 > ~add2; ~add2 > fpn.layer_blocks.2; body.layer2! > fpn.inner_blocks.1 > ~add1; ~add2 > "
     "~add1; ~add1 > fpn.layer_blocks.1; body.layer1! > fpn.inner_blocks.0 > ~add0; ~add1 > ~add0; ~add0 > "
     "fpn.layer_blocks.0",
     "BackboneWithFPN"},
    {"feature pyramid on stages: each through a convolution, added from the top downwards, smoothed",
     "in > layer1 > layer2 > layer3; layer3 > lateral_convs.2 > fpn_convs.2; layer2 > lateral_convs.1 > ~add1; "
     "lateral_convs.2 > ~add1; ~add1 > fpn_convs.1; layer1 > lateral_convs.0 > ~add0; ~add1 > ~add0; ~add0 > "
     "fpn_convs.0"},
    {"feature pyramid on stages: each through a convolution, added from the top downwards, smoothed",
     "in > layer1 > layer2 > layer3 > layer4; layer4 > lateral_convs.3 > fpn_convs.3; layer3 > lateral_convs.2 > "
     "~add2; lateral_convs.3 > ~add2; ~add2 > fpn_convs.2; layer2 > lateral_convs.1 > ~add1; ~add2 > ~add1; ~add1 > "
     "fpn_convs.1; layer1 > lateral_convs.0 > ~add0; ~add1 > ~add0; ~add0 > fpn_convs.0"},
    // ---- adapters ----
    {"LoRA: two narrow layers beside the base layer, added to what it makes",
     "in > base_layer > ~add; in > lora_A > lora_B > ~add; ~add > out", "lora.layer.Linear"},
    {"LoRA: two narrow layers in a row; the base layer is not in the file",
     "in > lora_A|lora_down > lora_B|lora_up > out"},
    // ---- diffusion models ----
    {"middle block of a diffusion model: a residual block, an attention, a residual block",
     "in > resnets.0 > attentions.0 > resnets.1 > out; mem > attentions.0@pass",
     "UNetMidBlock2D UNetMidBlock2DCrossAttn"},
    {"block down of a diffusion model", "in > resnets# > downsamplers.0? > out", "DownBlock2D DownEncoderBlock2D"},
    {"block up of an autoencoder", "in > resnets# > upsamplers.0? > out", "UpDecoderBlock2D"},
    {"encoder of an autoencoder", "in > conv_in > down_blocks > mid_block > conv_norm_out > conv_out > out",
     "vae.Encoder"},
    {"decoder of an autoencoder", "in > conv_in > mid_block > up_blocks > conv_norm_out > conv_out > out",
     "vae.Decoder"},
    {"autoencoder: the encoder's half of moments goes into the decoder",
     "in > encoder > quant_conv > ~any > post_quant_conv > decoder > out", "AutoencoderKL"},
    {"transformer of a diffusion model: normalized, projected, blocks, projected back, added",
     "in > norm > proj_in > transformer_blocks > proj_out > ~add; mem > transformer_blocks@mem; in > ~add > out",
     "Transformer2DModel"},
    {"embedding of time: two layers", "in > linear_1 > linear_2 > out", "TimestepEmbedding"},
    // ---- detection ----
    {"SPPF: a convolution, poolings, a convolution", "in > cv1 > ~any > cv2 > out", "block.SPPF", kSppf},
    {"bottleneck: two convolutions, to which the input may be added", "in > cv1 > cv2 > out", "block.Bottleneck",
     kContainers, true},
    {"C3: a branch of bottlenecks and one around it", "in > cv1 > m# > ~cat; in > cv2 > ~cat; ~cat > cv3 > out",
     "block.C3"},
    // ---- a base model and its head ----
    {"a model and its head",
     "in > "
     "bert|roberta|electra|distilbert|albert|deberta|model|transformer|vit|deit|swin|resnet|backbone|encoder|gpt_neox|"
     "base_model|convnext|regnet|wav2vec2|hubert|camembert|xlm_roberta|mpnet|layoutlm|beit|longformer|esm|funnel|"
     "segformer|mobilevit|mpt > pre_classifier?|vocab_transform? > vocab_layer_norm? > " HEAD
     "|cls|lm_head|predictions|generator_lm_head > out"},
});

}  // namespace

std::span<const FlowPattern> FlowPatterns() { return kPatterns; }

}  // namespace pthview
