"""The known datasets as arrays, and the settings that are a good start for each."""

from rewire import _rewire


def load_dataset(name="mnist-mini", folder=None):
    """Load a known dataset.

    Parameters
    ----------
    name : {"mnist-mini", "mnist", "fashion-mnist", "cifar10"}, default="mnist-mini"
        The first is a part of the package: 3,000 images of MNIST. The others are read from the cache folder, to which
        ``rewire data fetch`` brings them.
    folder : path-like, optional
        The cache folder. By default that of the program: ``$REWIRE_DATA``, else ``rewire`` in the user's cache folder.

    Returns
    -------
    train, test : tuple of (X, y)
        X is an ndarray of shape (n_samples, n_features) and type uint8: pixels from 0 to 255, each image channel by
        channel and row by row. y is an ndarray of shape (n_samples,) and type uint16: classes, counted from 0.

    Examples
    --------
    >>> from rewire import load_dataset
    >>> (X, y), (X_test, y_test) = load_dataset("mnist-mini")
    >>> X.shape, y_test.shape
    ((2000, 784), (1000,))
    """
    return _rewire.dataset(name, folder)


def recipe(name):
    """Give the settings that are a good start for a known dataset.

    Parameters
    ----------
    name : {"mnist-mini", "mnist", "fashion-mnist", "cifar10"}
        The dataset.

    Returns
    -------
    keywords : dict
        Keywords of :class:`SparseEvolutionaryClassifier`, where they differ from its defaults.

    Examples
    --------
    >>> from rewire import recipe
    >>> recipe("cifar10")["hidden"]
    (4000, 1000, 4000)
    """
    return _rewire.recipe(name)
