"""The flow between a living model's modules, as one forward shows it.

Tensors are followed by identity through every operator that torch dispatches. A module with parameters and no child that is
called is a node; what it returns carries its name, what other operators make carries the names of all that they were
given. Adding two tensors that come from modules is a node too, `MODULE.~add#N`, but not where scores of an attention are biased or a
tensor is turned (as positions are rotated). A module whose weight a function uses counts as called. The result is a set
of edges.
"""
import torch
from torch.utils._python_dispatch import TorchDispatchMode

ATOMIC = (torch.nn.MultiheadAttention,)
INPUT = "(input)"
ADDS = ("aten.add.Tensor", "aten.add_.Tensor")
KEEPS_SCORES = ("add", "add_", "mul", "mul_", "div", "div_", "view", "_unsafe_view", "expand", "where", "masked_fill", "transpose", "reshape", "unsqueeze", "permute")


def tensors_in(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)
    elif hasattr(value, "__dict__") and not isinstance(value, torch.nn.Module):
        for item in vars(value).values():
            if isinstance(item, (torch.Tensor, list, tuple, dict)):
                yield from tensors_in(item)


class Follow(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.sources = {}   # id of a tensor -> what made it
        self.alive = []     # ids stay unique while the tensors live
        self.edges = set()
        self.adds = {}
        self.scores = set()  # ids of products of two tensors, as attention makes them
        self.inside = 0     # of a node
        self.around = []    # names of the modules that run, the innermost last

    def of(self, tensor):
        return self.sources.get(id(tensor), frozenset())

    def put(self, tensor, sources):
        self.sources[id(tensor)] = sources
        self.alive.append(tensor)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if self.inside:
            return result
        given = [tensor for tensor in tensors_in([args, kwargs or {}]) if self.of(tensor)]
        weights = {name for tensor in given for name in self.of(tensor) if isinstance(name, tuple)}
        given = [tensor for tensor in given if not all(isinstance(name, tuple) for name in self.of(tensor))]
        sources = frozenset().union(*[self.of(tensor) for tensor in given]) if given else frozenset()
        op = str(func).split(".")[1]
        scores = op in ("bmm", "baddbmm", "mm") and len(given) > 1 or op in KEEPS_SCORES and any(id(t) in self.scores for t in given)
        if str(func) in ADDS and len(given) == 2 and not scores and self.is_sum(*given):
            sources = frozenset([self.add(self.of(given[0]), self.of(given[1]))])
        elif weights and not given:
            sources = frozenset(weights)
        elif weights:
            names = {name for _, name in weights}
            if op.startswith("_scaled_dot_product"):
                sources |= names  # a bias of scores
            elif str(func) in ADDS:
                sources = frozenset([self.add(sources, frozenset(names))])
            else:
                self.edges.update((source, name) for source in sources for name in names)
                sources = frozenset(names)
        for tensor in tensors_in(result):
            self.put(tensor, sources)
            if scores:
                self.scores.add(id(tensor))
        if op.endswith("_") and isinstance(args[0], torch.Tensor):
            self.put(args[0], sources)
        return result

    def is_sum(self, a, b):
        if a is b or self.of(a) == self.of(b) or min(a.dim(), b.dim()) < 2:
            return False
        if a.dim() == b.dim() == 4:
            return a.shape[:2] == b.shape[:2]
        return a.shape[-1] == b.shape[-1]

    def add(self, one, other):
        name = f"{self.around[-1] if self.around else ''}.~add#{len(self.adds)}"
        self.adds[name] = one | other
        for source in one | other:
            self.edges.add((source, name))
        return name


def is_node(module):
    if isinstance(module, ATOMIC):
        return True
    if not any(True for _ in module.parameters(recurse=False)):
        return False
    return not any(True for child in module.children() for _ in child.parameters())


def names_of(model):
    """Every name that a node goes by, to the one that is used here."""
    first = {}
    aliases = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if is_node(module):
            key = next((id(p) for p in module.parameters(recurse=False)), id(module))
            kind = type(module)
            aliases[name] = first.setdefault((key, kind), name)
    return aliases


def flow_of(model, args, kwargs, train=False):
    """(edges, aliases): edges between names of nodes and ~adds of one forward."""
    torch.backends.mha.set_fastpath_enabled(False)
    aliases = names_of(model)
    follow = Follow()
    handles = []
    inside_atomic = set()
    for module in model.modules():
        if isinstance(module, ATOMIC):
            inside_atomic.update(id(child) for child in module.modules() if child is not module)
    for name, module in model.named_modules():
        if id(module) in inside_atomic:
            continue
        if not is_node(module):
            handles.append(module.register_forward_pre_hook(lambda *_, name=name: follow.around.append(name)))
            handles.append(module.register_forward_hook(lambda *_: (follow.around.pop(), None)[1]))
            continue
        node = aliases[name]

        def before(module, args, kwargs, node=node):
            if follow.inside == 0:
                for tensor in tensors_in([args, kwargs]):
                    for source in follow.of(tensor):
                        if isinstance(source, tuple):
                            continue
                        follow.edges.add((source, node))
            follow.inside += 1

        def after(module, args, kwargs, result, node=node):
            follow.inside -= 1
            if follow.inside == 0:
                for tensor in tensors_in([result]):
                    follow.put(tensor, frozenset([node]))

        handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        handles.append(module.register_forward_hook(after, with_kwargs=True))
        for parameter in module.parameters(recurse=True):
            follow.put(parameter, frozenset([("weight", node)]))
    model.train(train)
    for tensor in tensors_in([args, kwargs]):
        if tensor.is_floating_point():
            follow.put(tensor, frozenset([INPUT]))
    with torch.no_grad(), follow:
        model(*args, **kwargs)
    for handle in handles:
        handle.remove()
    return {edge for edge in follow.edges if INPUT not in edge}, aliases
