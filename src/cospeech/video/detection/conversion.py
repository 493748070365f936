"""Networks of TensorFlow Lite as ONNX, which onnxruntime runs: for MediaPipe's networks, and no more than they need.

TensorFlow Lite keeps pictures as [1, H, W, C] and ONNX as [1, C, H, W]; tensors of four dimensions are stored in
ONNX's order throughout, also what goes in, and what comes out is turned back. All shapes are fixed. Sparse weights
and those of 16 bits become dense and of 32 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...core.errors import UserError
from .face_mesh import CORNERS, REGIONS
from .onnx_file import Attribute, Graph
from .tflite import Network, Operator

INPUT = "picture"
_TO_ONNX, _TO_TFLITE = (0, 3, 1, 2), (0, 2, 3, 1)  # orders of the dimensions of pictures
_SAME = 0  # padding: as large as the input over the stride
_ACTIVATIONS = {1: "Relu", 3: "Clip"}  # 3: limited to 0 .. 6
_CROP_SCALE = 1.5  # of a face's region over the box around its points


def onnx_file(network: Network, name: str) -> bytes:
    """Convert a network with one input, a picture [1, C, H, W]; outputs keep their order.

    Raises:
        UserError: an operator, or an option of one, that MediaPipe's networks do not have.
    """
    return _Conversion(network, name).file()


class _Conversion:
    def __init__(self, network: Network, name: str) -> None:
        self.network, self.name, self.graph = network, name, Graph()
        self.values: dict[int, str] = {}
        self.held: dict[int, np.ndarray] = {
            number: tensor.values for number, tensor in enumerate(network.tensors) if tensor.values is not None
        }
        self.regions = list(zip(REGIONS, CORNERS, strict=True))
        self.handlers: dict[str, Callable[[Operator], None]] = {
            "ADD": lambda operator: self._binary(operator, "Add"),
            "AVERAGE_POOL_2D": lambda operator: self._pool(operator, "AveragePool"),
            "CONCATENATION": self._concatenation,
            "CONV_2D": self._convolution,
            "Convolution2DTransposeBias": self._transposed_convolution,
            "DENSIFY": self._copy_constant,
            "DEPTHWISE_CONV_2D": self._convolution,
            "DEPTH_TO_SPACE": lambda operator: self._unary(operator, "DepthToSpace", blocksize=operator.option(0)),
            "DEQUANTIZE": self._copy_constant,
            "FULLY_CONNECTED": self._fully_connected,
            "HARD_SWISH": lambda operator: self._unary(operator, "HardSwish"),
            "LOGISTIC": lambda operator: self._unary(operator, "Sigmoid"),
            "Landmarks2TransformMatrix": self._region_matrix,
            "MAX_POOL_2D": lambda operator: self._pool(operator, "MaxPool"),
            "MEAN": self._mean,
            "MUL": lambda operator: self._binary(operator, "Mul"),
            "PAD": self._pad,
            "PRELU": lambda operator: self._binary(operator, "PRelu"),
            "RELU": lambda operator: self._unary(operator, "Relu"),
            "RESHAPE": self._reshape,
            "RESIZE_BILINEAR": self._resize,
            "STRIDED_SLICE": self._slice,
            "TransformLandmarks": self._moved_landmarks,
            "TransformTensorBilinear": self._region_crop,
        }

    def file(self) -> bytes:
        """The ONNX file."""
        (source,) = self.network.inputs
        self.values[source] = INPUT
        for operator in self.network.operators:
            if operator.kind not in self.handlers:
                raise UserError(f"{self.name} has the operator {operator.kind}, which is not known")
            self.handlers[operator.kind](operator)
        outputs = {}
        for tensor in self.network.outputs:
            outputs[self.graph.add("Identity", [self._in_tflite_order(tensor)])] = self._shape(tensor)
        size = self._shape(source)
        return self.graph.file({INPUT: [size[axis] for axis in _TO_ONNX]}, outputs)

    # ------------------------------------------------------------------------ values

    def _shape(self, tensor: int) -> tuple[int, ...]:
        return self.network.tensors[tensor].shape

    def _value(self, tensor: int) -> str:
        """Name of a tensor's value, constants included."""
        if tensor not in self.values:
            values = self.held[tensor]
            self.values[tensor] = self.graph.constant(values.transpose(_TO_ONNX) if values.ndim == 4 else values)
        return self.values[tensor]

    def _constant(self, operator: Operator, number: int) -> np.ndarray:
        """A constant input of an operator, as TensorFlow Lite keeps it."""
        if operator.inputs[number] not in self.held:
            raise UserError(f"{self.name}: {operator.kind} has no constant as input {number}")
        return self.held[operator.inputs[number]]

    def _in_tflite_order(self, tensor: int) -> str:
        value = self._value(tensor)
        return self.graph.add("Transpose", [value], perm=_TO_TFLITE) if len(self._shape(tensor)) == 4 else value

    def _store(self, operator: Operator, value: str, *, activation: int = 0) -> None:
        """A value as the operator's output, after the activation that is part of the operator."""
        if activation:
            if activation not in _ACTIVATIONS:
                raise UserError(f"{self.name}: {operator.kind} has activation {activation}, which is not known")
            limits = [self.graph.constant(np.array(limit)) for limit in (0.0, 6.0)] if activation == 3 else []
            value = self.graph.add(_ACTIVATIONS[activation], [value, *limits])
        self.values[operator.outputs[0]] = value

    # ------------------------------------------------------------------------ operators of TensorFlow Lite

    def _unary(self, operator: Operator, kind: str, **attributes: Attribute) -> None:
        self._store(operator, self.graph.add(kind, [self._value(operator.inputs[0])], **attributes))

    def _binary(self, operator: Operator, kind: str) -> None:
        rank = max(len(self._shape(tensor)) for tensor in operator.inputs)
        sources = []
        for tensor in operator.inputs:
            if tensor in self.held and self.held[tensor].ndim < rank == 4:
                values = self.held[tensor]
                values = values.reshape((1,) * (rank - values.ndim) + values.shape).transpose(_TO_ONNX)
                sources.append(self.graph.constant(values))
            else:
                sources.append(self._value(tensor))
        activation = 0 if kind == "PRelu" else operator.option(0, code="b")
        self._store(operator, self.graph.add(kind, sources), activation=activation)

    def _copy_constant(self, operator: Operator) -> None:
        self.held[operator.outputs[0]] = self._constant(operator, 0)

    def _pads(self, operator: Operator, kernel: Sequence[int], stride: Sequence[int]) -> list[int]:
        """Padding before height and width, and after them."""
        if operator.option(0, code="b") != _SAME:
            return [0, 0, 0, 0]
        entering, leaving = self._shape(operator.inputs[0])[1:3], self._shape(operator.outputs[0])[1:3]
        missing = [
            max((small - 1) * step + size - large, 0)
            for small, step, size, large in zip(leaving, stride, kernel, entering, strict=True)
        ]
        before = [amount // 2 for amount in missing]
        return [*before, *(amount - less for amount, less in zip(missing, before, strict=True))]

    def _convolution(self, operator: Operator) -> None:
        depthwise = operator.kind == "DEPTHWISE_CONV_2D"
        fields = (4, 5, 6) if depthwise else (3, 4, 5)  # activation, dilation across and down
        if any(operator.option(field, 1) != 1 for field in fields[1:]):
            raise UserError(f"{self.name}: {operator.kind} is dilated, which is not known")
        weights = self._constant(operator, 1)
        kernel, stride = weights.shape[1:3], (operator.option(2), operator.option(1))
        sources = [self._value(operator.inputs[0])]
        sources.append(self.graph.constant(weights.transpose((3, 0, 1, 2) if depthwise else _TO_ONNX)))
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            sources.append(self.graph.constant(self._constant(operator, 2)))
        made = self.graph.add(
            "Conv",
            sources,
            kernel_shape=kernel,
            strides=stride,
            pads=self._pads(operator, kernel, stride),
            group=self._shape(operator.inputs[0])[3] if depthwise else 1,
        )
        self._store(operator, made, activation=operator.option(fields[0], code="b"))

    def _transposed_convolution(self, operator: Operator) -> None:
        """MediaPipe's own; a picture twice as large, as the only network that has it needs it."""
        weights = self._constant(operator, 1)
        if (
            weights.shape[1:3] != (2, 2)
            or self._shape(operator.outputs[0])[1] != 2 * self._shape(operator.inputs[0])[1]
        ):
            raise UserError(f"{self.name}: {operator.kind} does not double a picture's size, which is not known")
        sources = [self._value(operator.inputs[0]), self.graph.constant(weights.transpose(3, 0, 1, 2))]
        sources.append(self.graph.constant(self._constant(operator, 2)))
        self._store(operator, self.graph.add("ConvTranspose", sources, kernel_shape=(2, 2), strides=(2, 2)))

    def _pool(self, operator: Operator, kind: str) -> None:
        stride, kernel = (operator.option(2), operator.option(1)), (operator.option(4), operator.option(3))
        pads = self._pads(operator, kernel, stride)
        source = [self._value(operator.inputs[0])]
        made = self.graph.add(kind, source, kernel_shape=kernel, strides=stride, pads=pads)
        self._store(operator, made, activation=operator.option(5, code="b"))

    def _fully_connected(self, operator: Operator) -> None:
        weights = self._constant(operator, 1)
        flat = self.graph.add(
            "Reshape", [self._in_tflite_order(operator.inputs[0]), self.graph.constant([-1, weights.shape[1]])]
        )
        made = self.graph.add("MatMul", [flat, self.graph.constant(weights.T)])
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            made = self.graph.add("Add", [made, self.graph.constant(self._constant(operator, 2))])
        self._store(operator, made, activation=operator.option(0, code="b"))

    def _mean(self, operator: Operator) -> None:
        axes = [_TO_ONNX.index(axis) for axis in self._constant(operator, 1).ravel().tolist()]
        kept = operator.option(0, code="b")
        if not kept and sorted(axes) != [2, 3]:
            raise UserError(f"{self.name}: MEAN over dimensions {axes} is not known")
        self._unary(operator, "ReduceMean", axes=axes, keepdims=kept)

    def _pad(self, operator: Operator) -> None:
        before, after = self._constant(operator, 1).reshape(4, 2)[list(_TO_ONNX)].T.tolist()
        self._store(
            operator, self.graph.add("Pad", [self._value(operator.inputs[0]), self.graph.constant([*before, *after])])
        )

    def _reshape(self, operator: Operator) -> None:
        shape = self._shape(operator.outputs[0])
        made = self.graph.add("Reshape", [self._in_tflite_order(operator.inputs[0]), self.graph.constant(shape)])
        self._store(operator, self.graph.add("Transpose", [made], perm=_TO_ONNX) if len(shape) == 4 else made)

    def _concatenation(self, operator: Operator) -> None:
        rank = len(self._shape(operator.outputs[0]))
        axis = operator.option(0) % rank
        sources = [self._value(tensor) for tensor in operator.inputs]
        self._store(operator, self.graph.add("Concat", sources, axis=_TO_ONNX.index(axis) if rank == 4 else axis))

    def _resize(self, operator: Operator) -> None:
        corners, centres = operator.option(2, code="b"), operator.option(3, code="b")
        mode = "align_corners" if corners else "half_pixel" if centres else "asymmetric"
        shape = self._shape(operator.outputs[0])
        sizes = self.graph.constant([shape[axis] for axis in _TO_ONNX])
        sources = [self._value(operator.inputs[0]), "", "", sizes]
        self._store(operator, self.graph.add("Resize", sources, mode="linear", coordinate_transformation_mode=mode))

    def _slice(self, operator: Operator) -> None:
        shape, masks = self._shape(operator.inputs[0]), [operator.option(field) for field in range(5)]
        begin, end, steps = (self._constant(operator, number).tolist() for number in (1, 2, 3))
        if any(masks[2:]):
            raise UserError(f"{self.name}: a slice with masks {masks} is not known")
        begin = [0 if masks[0] >> axis & 1 else place for axis, place in enumerate(begin)]
        end = [shape[axis] if masks[1] >> axis & 1 else place for axis, place in enumerate(end)]
        axes = list(range(len(shape)))
        if len(shape) == 4:
            axes = [_TO_ONNX.index(axis) for axis in axes]
        sources = [self._value(operator.inputs[0]), *(self.graph.constant(of) for of in (begin, end, axes, steps))]
        self._store(operator, self.graph.add("Slice", sources))

    # ------------------------------------------------------------------------ operators of MediaPipe for faces

    def _region_matrix(self, operator: Operator) -> None:
        """[1, 4, 4] that maps the pixels of a crop to those of the picture, for the next region of ``REGIONS``.

        The crop is as wide and high as the region's points, times ``_CROP_SCALE``, and level with its corners.
        """
        add, constant = self.graph.add, self.graph.constant
        points, corners = self.regions.pop(0)
        size = 16.0  # pixels of a crop
        flat = add("Gather", [self._value(operator.inputs[0]), constant([0, 1])], axis=2)
        left, right = (add("Gather", [flat, constant([corner])], axis=1) for corner in corners)
        across = add("Sub", [right, left])
        level = add("Div", [across, add("ReduceL2", [across], axes=[2], keepdims=1)])
        upright = add("MatMul", [level, constant(np.array([[0.0, 1.0], [-1.0, 0.0]]))])
        turn = add("Concat", [level, upright], axis=1)
        turned = add(
            "MatMul", [add("Gather", [flat, constant(points)], axis=1), add("Transpose", [turn], perm=(0, 2, 1))]
        )
        most, least = (add(kind, [turned], axes=[1], keepdims=1) for kind in ("ReduceMax", "ReduceMin"))
        scale = add("Mul", [add("Sub", [most, least]), constant(np.array(_CROP_SCALE / size))])
        middle = add("Mul", [add("Add", [most, least]), constant(np.array(0.5))])
        corner = add("Sub", [middle, add("Mul", [scale, constant(np.array(size / 2))])])
        start = add("Transpose", [add("MatMul", [corner, turn])], perm=(0, 2, 1))
        linear = add("Mul", [turn, add("Transpose", [scale], perm=(0, 2, 1))])
        rows = [add("Transpose", [linear], perm=(0, 2, 1)), constant(np.zeros((1, 2, 1))), start]
        rest = constant(np.eye(4)[None, 2:])
        self._store(operator, add("Concat", [add("Concat", rows, axis=2), rest], axis=1))

    def _mapped(self, points: str, matrix: str) -> str:
        """Points [1, N, 2] mapped by a matrix [1, 4, 4]."""
        add, constant = self.graph.add, self.graph.constant
        rows = add("Transpose", [add("Gather", [matrix, constant([0, 1])], axis=1)], perm=(0, 2, 1))
        linear, start = (add("Gather", [rows, constant(of)], axis=1) for of in ([0, 1], [3]))
        return add("Add", [add("MatMul", [points, linear]), start])

    def _moved_landmarks(self, operator: Operator) -> None:
        points, matrix = map(self._value, operator.inputs)
        if self._shape(operator.inputs[0])[2] != 2:
            raise UserError(f"{self.name}: {operator.kind} of points in space is not known")
        self._store(operator, self._mapped(points, matrix))

    def _region_crop(self, operator: Operator) -> None:
        """A crop of a picture of features, bilinear; black beyond its border."""
        add, constant = self.graph.add, self.graph.constant
        _, height, width, _ = self._shape(operator.inputs[0])
        _, rows, columns, _ = self._shape(operator.outputs[0])
        y, x = np.mgrid[0:rows, 0:columns] + 0.5
        spots = constant(np.stack([x, y], axis=-1).reshape(1, -1, 2))
        mapped = self._mapped(spots, self._value(operator.inputs[1]))
        shares = add("Sub", [add("Mul", [mapped, constant([2.0 / width, 2.0 / height])]), constant(np.array(1.0))])
        grid = add("Reshape", [shares, constant([1, rows, columns, 2])])
        self._store(operator, add("GridSample", [self._value(operator.inputs[0]), grid], mode="bilinear"))
