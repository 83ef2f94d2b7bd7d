# Written by stubs.py; a test compares.
import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, OutlierMixin, RegressorMixin
from sklearn.feature_selection import SelectorMixin
from typing_extensions import Self

__all__: list[str]
__version__: str

_Dataset = Literal["mnist-mini", "mnist", "fashion-mnist", "cifar10"]
_Path = str | os.PathLike[str]
_Part = tuple[NDArray[numpy.uint8], NDArray[numpy.uint16]]

def load_dataset(name: _Dataset = ..., folder: _Path | None = ...) -> tuple[_Part, _Part]: ...
def recipe(name: _Dataset) -> dict[str, Any]: ...

class _Estimator(BaseEstimator):
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    n_iter_: int
    n_layers_: int
    n_outputs_: int
    history_: dict[str, list[float]]
    @property
    def loss_curve_(self) -> list[float]: ...
    @property
    def loss_(self) -> float: ...
    @property
    def coefs_(self) -> list[csr_array]: ...
    @property
    def intercepts_(self) -> list[NDArray[numpy.float32]]: ...
    @property
    def input_connections_(self) -> NDArray[numpy.uint16]: ...
    @property
    def degrees_(self) -> list[tuple[NDArray[numpy.uint64], NDArray[numpy.uint64]]]: ...
    def footprint(self) -> dict[str, int]: ...
    def save(self, path: _Path) -> None: ...
    def to_chip(self, path: _Path) -> int: ...
    def to_firmware(
        self,
        directory: _Path,
        board: str,
        X: ArrayLike,
        y: ArrayLike | None = ...,
        *,
        run_on: Literal["sensor", "flash", "uart"] = ...,
    ) -> None: ...
    @classmethod
    def load(cls, path: _Path) -> Self: ...
    @classmethod
    def from_run(cls, directory: _Path) -> Self: ...

class SparseEvolutionaryClassifier(ClassifierMixin, _Estimator):
    classes_: NDArray[Any]
    def __init__(
        self,
        *,
        image_shape: Sequence[int] | None = ...,
        filter: Literal['none', 'contrast'] = ...,
        scaling: Literal['none', 'unit', 'global', 'feature'] = ...,
        validation_samples: int = ...,
        model: Literal['set', 'fixprob', 'dense'] = ...,
        hidden: Sequence[int] = ...,
        activation: Literal['relu', 'leaky-relu', 'all-relu', 'srelu', 'batch-norm-relu', 'batch-norm-residual'] = ...,
        slope: float = ...,
        fan_in: Literal['connections', 'dense'] = ...,
        storage: Literal['output-major', 'input-major', 'blocked'] = ...,
        epsilon: float = ...,
        connections: Sequence[int] = ...,
        topology: Literal['random', 'local'] = ...,
        zeta: float = ...,
        zeta_schedule: Literal['constant', 'linear', 'cosine', 'step'] = ...,
        evolve_every: int = ...,
        evolve_until: float = ...,
        pruning: Literal['magnitude', 'relative', 'soft'] = ...,
        pruning_temperature: float = ...,
        percolation: bool = ...,
        importance_percentile: float = ...,
        importance_every: int = ...,
        importance_from: int = ...,
        connections_schedule: Literal['constant', 'linear', 'cosine', 'step'] = ...,
        connections_end: float = ...,
        growth: Literal['random', 'near', 'local', 'gradient', 'hebbian'] = ...,
        grown: Literal['zero', 'uniform'] = ...,
        sigma: Sequence[float] = ...,
        reach: int = ...,
        learning_rate: float = ...,
        schedule: Literal['constant', 'linear', 'cosine', 'step'] = ...,
        warmup: int = ...,
        restart_every: int = ...,
        step_every: int = ...,
        step_factor: float = ...,
        momentum: float = ...,
        nesterov: bool = ...,
        clip_norm: float = ...,
        weight_decay: float = ...,
        decay: Literal['decoupled', 'coupled', 'periodic'] = ...,
        dropout: float = ...,
        label_smoothing: float = ...,
        class_weight: dict[Any, float] | Literal['balanced'] | None = ...,
        batch_size: int = ...,
        epochs: int = ...,
        patience: int = ...,
        keep: Literal['last', 'best'] = ...,
        augment: bool = ...,
        rotation: float = ...,
        shift: float = ...,
        edge: Literal['nearest', 'reflect'] = ...,
        flip: bool = ...,
        jitter: float = ...,
        erase: float = ...,
        mixup: float = ...,
        pixel_shift: int = ...,
        random_state: int | numpy.random.RandomState | None = ...,
        lanes: int = ...,
        n_jobs: int | None = ...,
        verbose: int = ...,
        callbacks: Callable[[dict], object] | Sequence[Callable[[dict], object]] | None = ...,
    ) -> None: ...
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        *,
        X_val: ArrayLike | None = ...,
        y_val: ArrayLike | None = ...,
    ) -> Self: ...
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = ...,
        sample_weight: ArrayLike | None = ...,
    ) -> Self: ...
    def predict(self, X: ArrayLike) -> NDArray[Any]: ...
    def predict_proba(self, X: ArrayLike) -> NDArray[numpy.float32]: ...
    def predict_log_proba(self, X: ArrayLike) -> NDArray[numpy.float32]: ...

class SparseEvolutionaryRegressor(RegressorMixin, _Estimator):
    def __init__(
        self,
        *,
        image_shape: Sequence[int] | None = ...,
        filter: Literal['none', 'contrast'] = ...,
        scaling: Literal['none', 'unit', 'global', 'feature'] = ...,
        validation_samples: int = ...,
        model: Literal['set', 'fixprob', 'dense'] = ...,
        hidden: Sequence[int] = ...,
        activation: Literal['relu', 'leaky-relu', 'all-relu', 'srelu', 'batch-norm-relu', 'batch-norm-residual'] = ...,
        slope: float = ...,
        fan_in: Literal['connections', 'dense'] = ...,
        storage: Literal['output-major', 'input-major', 'blocked'] = ...,
        epsilon: float = ...,
        connections: Sequence[int] = ...,
        topology: Literal['random', 'local'] = ...,
        zeta: float = ...,
        zeta_schedule: Literal['constant', 'linear', 'cosine', 'step'] = ...,
        evolve_every: int = ...,
        evolve_until: float = ...,
        pruning: Literal['magnitude', 'relative', 'soft'] = ...,
        pruning_temperature: float = ...,
        percolation: bool = ...,
        importance_percentile: float = ...,
        importance_every: int = ...,
        importance_from: int = ...,
        connections_schedule: Literal['constant', 'linear', 'cosine', 'step'] = ...,
        connections_end: float = ...,
        growth: Literal['random', 'near', 'local', 'gradient', 'hebbian'] = ...,
        grown: Literal['zero', 'uniform'] = ...,
        sigma: Sequence[float] = ...,
        reach: int = ...,
        learning_rate: float = ...,
        schedule: Literal['constant', 'linear', 'cosine', 'step'] = ...,
        warmup: int = ...,
        restart_every: int = ...,
        step_every: int = ...,
        step_factor: float = ...,
        momentum: float = ...,
        nesterov: bool = ...,
        clip_norm: float = ...,
        weight_decay: float = ...,
        decay: Literal['decoupled', 'coupled', 'periodic'] = ...,
        dropout: float = ...,
        batch_size: int = ...,
        epochs: int = ...,
        patience: int = ...,
        keep: Literal['last', 'best'] = ...,
        augment: bool = ...,
        rotation: float = ...,
        shift: float = ...,
        edge: Literal['nearest', 'reflect'] = ...,
        flip: bool = ...,
        jitter: float = ...,
        erase: float = ...,
        pixel_shift: int = ...,
        random_state: int | numpy.random.RandomState | None = ...,
        lanes: int = ...,
        n_jobs: int | None = ...,
        verbose: int = ...,
        callbacks: Callable[[dict], object] | Sequence[Callable[[dict], object]] | None = ...,
    ) -> None: ...
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        *,
        X_val: ArrayLike | None = ...,
        y_val: ArrayLike | None = ...,
    ) -> Self: ...
    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = ...) -> Self: ...
    def predict(self, X: ArrayLike) -> NDArray[numpy.float64]: ...

class SparseEvolutionaryAutoencoder(OutlierMixin, _Estimator):
    offset_: float
    def __init__(
        self,
        *,
        image_shape: Sequence[int] | None = ...,
        scaling: Literal['none', 'unit', 'global', 'feature'] = ...,
        validation_samples: int = ...,
        model: Literal['set', 'fixprob', 'dense'] = ...,
        hidden: Sequence[int] = ...,
        activation: Literal['relu', 'leaky-relu', 'all-relu', 'srelu', 'batch-norm-relu', 'batch-norm-residual'] = ...,
        slope: float = ...,
        fan_in: Literal['connections', 'dense'] = ...,
        storage: Literal['output-major', 'input-major', 'blocked'] = ...,
        epsilon: float = ...,
        connections: Sequence[int] = ...,
        topology: Literal['random', 'local'] = ...,
        zeta: float = ...,
        zeta_schedule: Literal['constant', 'linear', 'cosine', 'step'] = ...,
        evolve_every: int = ...,
        evolve_until: float = ...,
        pruning: Literal['magnitude', 'relative', 'soft'] = ...,
        pruning_temperature: float = ...,
        percolation: bool = ...,
        importance_percentile: float = ...,
        importance_every: int = ...,
        importance_from: int = ...,
        connections_schedule: Literal['constant', 'linear', 'cosine', 'step'] = ...,
        connections_end: float = ...,
        growth: Literal['random', 'near', 'local', 'gradient', 'hebbian'] = ...,
        grown: Literal['zero', 'uniform'] = ...,
        sigma: Sequence[float] = ...,
        reach: int = ...,
        learning_rate: float = ...,
        schedule: Literal['constant', 'linear', 'cosine', 'step'] = ...,
        warmup: int = ...,
        restart_every: int = ...,
        step_every: int = ...,
        step_factor: float = ...,
        momentum: float = ...,
        nesterov: bool = ...,
        clip_norm: float = ...,
        weight_decay: float = ...,
        decay: Literal['decoupled', 'coupled', 'periodic'] = ...,
        dropout: float = ...,
        batch_size: int = ...,
        epochs: int = ...,
        patience: int = ...,
        keep: Literal['last', 'best'] = ...,
        augment: bool = ...,
        rotation: float = ...,
        shift: float = ...,
        edge: Literal['nearest', 'reflect'] = ...,
        flip: bool = ...,
        jitter: float = ...,
        erase: float = ...,
        pixel_shift: int = ...,
        random_state: int | numpy.random.RandomState | None = ...,
        lanes: int = ...,
        contamination: float = ...,
        n_jobs: int | None = ...,
        verbose: int = ...,
        callbacks: Callable[[dict], object] | Sequence[Callable[[dict], object]] | None = ...,
    ) -> None: ...
    def fit(
        self,
        X: ArrayLike,
        y: object = ...,
        sample_weight: ArrayLike | None = ...,
        *,
        X_val: ArrayLike | None = ...,
    ) -> Self: ...
    def partial_fit(self, X: ArrayLike, y: object = ..., sample_weight: ArrayLike | None = ...) -> Self: ...
    def score_samples(self, X: ArrayLike) -> NDArray[numpy.float64]: ...
    def decision_function(self, X: ArrayLike) -> NDArray[numpy.float64]: ...
    def predict(self, X: ArrayLike) -> NDArray[numpy.intp]: ...
    def reconstruct(self, X: ArrayLike) -> NDArray[numpy.float32]: ...

class InputConnectivitySelector(SelectorMixin, MetaEstimatorMixin, BaseEstimator):
    estimator_: _Estimator
    scores_: NDArray[numpy.float64]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        estimator: _Estimator | None = ...,
        *,
        n_features_to_select: int | float | None = ...,
        ranking: Literal["connections", "strength"] = ...,
    ) -> None: ...
    def fit(self, X: ArrayLike, y: ArrayLike | None = ..., **fit_params: Any) -> Self: ...
