"""Base of the modules that are exported as graphs: each has one computation of a net as its `forward`."""

from typing import Generic, TypeVar

from torch import nn

from models.nets.towers import Towers

Net = TypeVar("Net", bound=nn.Module)


class NetGraph(nn.Module, Generic[Net]):
    """One computation of a net."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net


class BackboneGraph(nn.Module):
    """One computation of a CLIP alone; `backbone` enters the names in a graph, and so its digest."""

    def __init__(self, backbone: Towers) -> None:
        super().__init__()
        self.backbone = backbone
