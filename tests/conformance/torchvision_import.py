"""torchvision where its build is for another build of torch: without its operators, its models are Python all the same."""
import sys

import torch

LIBRARY = []  # lives as long as its operators


def import_torchvision():
    """Raises ImportError where it is not installed."""
    try:
        import torchvision  # noqa: F401
    except (RuntimeError, AttributeError, OSError):
        for module in [m for m in sys.modules if m.startswith("torchvision")]:
            del sys.modules[module]
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, "
                       "int sampling_ratio, bool aligned) -> Tensor")
        LIBRARY.append(library)
        register = torch.library.register_fake
        torch.library.register_fake = lambda op, *rest, **named: (
            (lambda function: function) if str(op).startswith("torchvision::") else register(op, *rest, **named))
        import torchvision  # noqa: F401
