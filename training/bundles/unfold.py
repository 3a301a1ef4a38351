"""Convolutions as products with a matrix, which multiply in 8 bits: patches that do not overlap, and small kernels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

CHANNELS = 256  # of the output, at least: below, the copies of an input take longer than what the product saves
POSITIONS = 256  # of the output, at most, for kernels that overlap
KERNEL = 3  # sides of a kernel that overlaps, at most


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution of one group, from an input (B, C, H, W) to an output (B, M, h, w)."""

    node: NodeProto
    channels: int  # C
    grid: tuple[int, int]  # h, w
    outputs: int  # M
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, ...]  # top, left, bottom, right

    @classmethod
    def unfoldable(cls, node: NodeProto, before: Sequence[int], after: Sequence[int]) -> "Convolution | None":
        """Return the node of a Conv with shapes (B, C, H, W) and (B, M, h, w), None if it is better left as it is."""
        values = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        kernel, strides = tuple(values["kernel_shape"]), tuple(values.get("strides", (1, 1)))
        pads, (_, channels, *sides), (_, outputs, *grid) = tuple(values.get("pads", (0,) * 4)), before, after
        is_usual = (
            len(kernel) == 2
            and values.get("group", 1) == 1
            and values.get("auto_pad", b"NOTSET") == b"NOTSET"
            and set(values.get("dilations", (1, 1))) == {1}
            and len(sides) == len(grid) == 2
            and all((channels, outputs, *sides, *grid))
        )
        found = cls(node, channels, (grid[0], grid[-1]), outputs, kernel, strides, pads)
        fits = found.is_of_patches and all(side % step == 0 for side, step in zip(sides, kernel, strict=True))
        is_small = max(kernel) <= KERNEL and grid[0] * grid[-1] <= POSITIONS
        return found if is_usual and outputs >= CHANNELS and (fits or is_small) else None

    @property
    def is_of_patches(self) -> bool:
        """True if no two places of the kernel overlap or leave a gap."""
        return self.kernel == self.strides and not any(self.pads)

    @property
    def rows(self) -> str:
        """Name of the unfolded input, the same for all convolutions that unfold it so."""
        sizes = (*self.kernel, *self.strides, *self.pads)
        return f"{self.node.input[0]}.unfolded.{'_'.join(map(str, sizes))}"

    def matrix(self, weight: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the kernels (M, C, k, k) as the matrix (K, M) that the rows are multiplied by."""
        ordered = weight if self.is_of_patches else weight.transpose(0, 2, 3, 1)
        return np.ascontiguousarray(ordered.reshape(self.outputs, -1).T)

    def unfolding(self) -> "_GraphPart":
        """Return the nodes that make rows (B, h · w, K) of the input."""
        high, wide = self.grid
        size = self.channels * self.kernel[0] * self.kernel[1]
        part = _GraphPart(self.rows, [], [])
        if self.is_of_patches:
            split = [0, self.channels, high, self.kernel[0], wide, self.kernel[1]]
            parts = part.add("Reshape", [self.node.input[0], part.constant(split)])
            ordered = part.add("Transpose", [parts], perm=[0, 2, 4, 1, 3, 5])
        else:
            top, left, bottom, right = self.pads
            last = part.add("Transpose", [self.node.input[0]], perm=[0, 2, 3, 1])
            padded = part.add("Pad", [last, part.constant([0, top, left, 0, 0, bottom, right, 0])])
            axes, steps = part.constant([1, 2]), part.constant(list(self.strides))
            taps = []
            for place in np.ndindex(*self.kernel):
                ends = [p + s * (n - 1) + 1 for p, s, n in zip(place, self.strides, self.grid, strict=True)]
                taps.append(part.add("Slice", [padded, part.constant(list(place)), part.constant(ends), axes, steps]))
            ordered = part.add("Concat", taps, axis=3)
        part.add("Reshape", [ordered, part.constant([0, high * wide, size])], out=self.rows)
        return part

    def product(self, matrix: str) -> "_GraphPart":
        """Return the nodes that multiply the rows and fold the result (B, M, h, w)."""
        out = self.node.output[0]
        part = _GraphPart(f"{out}.folded", [], [])
        made = part.add("MatMul", [self.rows, matrix], name=self.node.name)
        if len(self.node.input) > 2:
            made = part.add("Add", [made, self.node.input[2]])
        made = part.add("Transpose", [made], perm=[0, 2, 1])
        part.add("Reshape", [made, part.constant([0, self.outputs, *self.grid])], out=out)
        return part


@dataclass(frozen=True, slots=True)
class _GraphPart:
    """Nodes with their constants, all named after one value."""

    prefix: str
    nodes: list[NodeProto]
    constants: list[TensorProto]

    def add(self, operator: str, inputs: Sequence[str], *, out: str = "", name: str = "", **attributes: Any) -> str:
        """Add a node, and return the name of its output."""
        out = out or f"{self.prefix}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [out], name=name, **attributes))
        return out

    def constant(self, values: Sequence[int]) -> str:
        """Add whole numbers, and return their name."""
        name = f"{self.prefix}.constant.{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name


def shapes(graph: GraphProto) -> dict[str, list[int]]:
    """Return the known shapes of values by name, 0 for what is free."""
    values = (*graph.value_info, *graph.input, *graph.output)
    return {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in values}
