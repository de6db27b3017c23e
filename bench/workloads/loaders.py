#!/usr/bin/python3
"""Loaders that read files into memory, each again and again in a process of its own.

    loaders.py make FOLDER PACKAGES              write what they read, as far as it is not there
    loaders.py one FOLDER PACKAGES LOADER        write what this one reads
    loaders.py measure FOLDER PACKAGES LOADER    run processes of one, print one JSON object
    loaders.py load FOLDER PACKAGES LOADER       be such a process

Whoever starts it sets LD_PRELOAD or does not. PACKAGES has the folders of bench/peers/packages.py. A
loader whose package is not there prints no figures.

Memory is touched by another process just before each load that is timed, since a virtual machine's
host takes free memory back. With --untouched `measure` runs a further process for which nothing is
touched, after a pause in which the host could do so.
"""

import argparse
import ctypes
import dataclasses
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import typing

import gpt2
import loads

LAYERS = 2  # of GPT-2: 222 MB
LOADS = 4  # in a process
TOUCHED = 500_000_000  # bytes in each page size before a load is timed: twice what it loads
HOST_SECONDS = 3  # after which a host has taken back what is free
ROWS, COLUMNS = 1_100_000, 25  # of the table
WIDTH, HEIGHT, PICTURES = 4000, 3000, 4
SEED = 124

# ---------------------------------------------------------------------- what they read


def one_array():
    import numpy

    return numpy.concatenate([array.ravel() for array in gpt2.make_arrays(LAYERS).values()])


def make_pt(path):
    with open(path, "wb") as file:
        gpt2.save_pt(gpt2.make_arrays(LAYERS), file)


def make_safetensors(path):
    from safetensors.numpy import save_file

    save_file(gpt2.make_arrays(LAYERS), path)


def make_npy(path):
    import numpy

    with open(path, "wb") as file:
        numpy.save(file, one_array())


def make_npz(path):
    with open(path, "wb") as file:
        gpt2.save_npz(gpt2.make_arrays(LAYERS), file)


def make_hdf5(path):
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in gpt2.make_arrays(LAYERS).items():
            file[name] = array


def make_pickle(path):
    import pickle

    with open(path, "wb") as file:
        pickle.dump(gpt2.make_arrays(LAYERS), file, protocol=5)


def make_zarr(path):
    import zarr

    zarr.save_group(path, **gpt2.make_arrays(LAYERS))


def make_parquet(path):
    import numpy
    import pandas

    random = numpy.random.default_rng(SEED)
    columns = {f"c{number}": random.standard_normal(ROWS) for number in range(COLUMNS)}
    pandas.DataFrame(columns).to_parquet(path, engine="pyarrow")


def make_gguf(path):
    import gguf

    writer = gguf.GGUFWriter(path, "gpt2")
    for name, array in gpt2.make_arrays(LAYERS).items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_pictures(path):
    """JPEG files of a camera's size, with a pattern and some noise."""
    import numpy
    from PIL import Image

    random = numpy.random.default_rng(SEED)
    os.makedirs(path)
    slope = numpy.add.outer(numpy.arange(HEIGHT), numpy.arange(WIDTH)) >> 5
    for number in range(PICTURES):
        noise = random.integers(0, 16, (HEIGHT, WIDTH, 3))
        pixels = (slope[..., None] + noise + 40 * number).astype(numpy.uint8)
        Image.fromarray(pixels).save(os.path.join(path, f"{number}.jpg"), quality=90)


# ---------------------------------------------------------------------- how it is loaded
# Each returns a function that loads, and imports what that needs already now.


def load_torch(path):
    import torch

    return lambda: torch.load(path)


def load_safetensors(path):
    """Reads into buffers, with several threads; that is new in 0.8 and has to be asked for."""
    from safetensors.torch import load_file

    return lambda: load_file(path, backend="pread")


def load_safetensors_mapped(path):
    """As it comes: the file is mapped. A program that keeps its tensors or changes them copies."""
    from safetensors.torch import load_file

    return lambda: {name: tensor.clone() for name, tensor in load_file(path).items()}


def load_safetensors_bytes(path):
    from safetensors.torch import load

    def load_bytes():
        with open(path, "rb") as file:
            return load(file.read())

    return load_bytes


def load_npy(path):
    import numpy

    return lambda: [numpy.load(path)]


def load_npz(path):
    return loads.loader_of(path)


def load_hdf5(path):
    import h5py

    def load():
        with h5py.File(path, "r") as file:
            return {name: data[...] for name, data in file.items()}

    return load


def load_pickle(path):
    import pickle

    import numpy  # its arrays

    def load():
        with open(path, "rb") as file:
            return pickle.load(file)

    del numpy
    return load


def load_zarr(path):
    import zarr

    def load():
        return {name: array[...] for name, array in zarr.open_group(path, mode="r").arrays()}

    return load


def load_parquet(path):
    import pandas

    import pyarrow.parquet  # else the first load imports it

    del pyarrow
    return lambda: pandas.read_parquet(path, engine="pyarrow")


def load_parquet_system(path):
    """With Arrow's buffers from malloc, which a variable of the environment asks for."""
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    return load_parquet(path)


def load_shard(path):
    def load():
        with open(path, "rb") as file:
            return [file.read()]

    return load


def load_gguf(path):
    """The reader maps the file, which is used for the names and places only."""
    import gguf
    import numpy

    def load():
        arrays = {}
        for tensor in gguf.GGUFReader(path).tensors:
            with open(path, "rb") as file:
                count, start = int(tensor.n_elements), int(tensor.data_offset)
                arrays[tensor.name] = numpy.fromfile(file, numpy.float32, count, offset=start)
        return arrays

    return load


def load_pictures(path):
    import numpy
    from PIL import Image

    def load():
        arrays = {}
        for file in sorted(glob.glob(os.path.join(path, "*.jpg"))):
            with Image.open(file) as image:
                arrays[os.path.basename(file)] = numpy.asarray(image)
        return arrays

    return load


# ---------------------------------------------------------------------- the list


@dataclasses.dataclass
class Loader:
    """A file or folder of the work folder, how it is made and loaded, and whose packages it needs."""

    file: str
    make: typing.Callable[[str], None]
    load: typing.Callable[[str], typing.Callable[[], typing.Any]]
    packages: str = "arrays"


LOADERS = {
    "torch": Loader("gpt2.pt", make_pt, load_torch, "tensors"),
    "safetensors": Loader("gpt2.safetensors", make_safetensors, load_safetensors, "tensors"),
    "mapped": Loader("gpt2.safetensors", make_safetensors, load_safetensors_mapped, "tensors"),
    "bytes": Loader("gpt2.safetensors", make_safetensors, load_safetensors_bytes, "tensors"),
    "npy": Loader("gpt2.npy", make_npy, load_npy),
    "npz": Loader("gpt2.npz", make_npz, load_npz),
    "hdf5": Loader("gpt2.h5", make_hdf5, load_hdf5),
    "pickle": Loader("gpt2.pickle", make_pickle, load_pickle),
    "zarr": Loader("gpt2.zarr", make_zarr, load_zarr),
    "parquet": Loader("table.parquet", make_parquet, load_parquet),
    "system": Loader("table.parquet", make_parquet, load_parquet_system),
    "shard": Loader("gpt2.npy", make_npy, load_shard),
    "gguf": Loader("gpt2.gguf", make_gguf, load_gguf),
    "pictures": Loader("pictures", make_pictures, load_pictures),
}


def files_of(path):
    """A file, or all files of a folder."""
    if not os.path.isdir(path):
        return [path]
    return [os.path.join(at, name) for at, _, names in sorted(os.walk(path)) for name in names]


def remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.remove(path)


def make_one(loader, path):
    """Appears whole or not at all; the name ends as before, as some packages go by that."""
    temporary = os.path.join(os.path.dirname(path), f"new-{os.path.basename(path)}")
    remove(temporary)
    loader.make(temporary)
    os.rename(temporary, path)


def make(folder, packages):
    """Each in a process of its own, as they need packages that do not go together."""
    os.makedirs(folder, exist_ok=True)
    shutil.rmtree(os.path.join(folder, "learned"), ignore_errors=True)
    for name, loader in LOADERS.items():
        if not os.path.exists(os.path.join(folder, loader.file)):
            command = [sys.executable, "-B", __file__, "make", folder, packages, "--only", name]
            subprocess.run(command, check=True)


# ---------------------------------------------------------------------- measured


def buffers_of(loaded):
    """The bytes of everything that was loaded, in a fixed order."""
    if hasattr(loaded, "columns"):  # a table
        loaded = {name: loaded[name].to_numpy() for name in loaded.columns}
    if isinstance(loaded, dict):
        loaded = [loaded[name] for name in sorted(loaded)]
    for each in loaded:
        if hasattr(each, "data_ptr"):  # a tensor
            size = each.numel() * each.element_size()
            yield (ctypes.c_char * size).from_address(each.data_ptr()) if size else b""
        elif hasattr(each, "tobytes") and not each.flags.c_contiguous:
            yield each.tobytes()
        else:
            yield memoryview(each).cast("B")


def digest(loaded):
    """A number, as the suite keeps numbers only."""
    sum_of_all = hashlib.sha256()
    for buffer in buffers_of(loaded):
        sum_of_all.update(buffer)
    return int(sum_of_all.hexdigest()[:12], 16)


def load_again(folder, name, count, touched):
    path = os.path.join(folder, LOADERS[name].file)
    try:
        load = LOADERS[name].load(path)
    except ModuleNotFoundError as error:
        return {"absent": str(error)}
    return loads.measure_loads(load, files_of(path), count, digest, touched)


def child(options, environment, count, *further):
    """What a process of the loader printed."""
    command = [sys.executable, "-B", __file__, "load", options.folder, options.packages]
    command += [options.loader, "--loads", str(count), *further]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def measure(options):
    """The processes of one loader. What a library learns of them is kept for each loader apart, as
    all are the same script."""
    if not os.path.exists(os.path.join(options.folder, LOADERS[options.loader].file)):
        return {}
    environment = dict(os.environ)
    if environment.get("ZEROPOOL_PREWARM") == "learn":
        cache = os.path.join(environment["XDG_CACHE_HOME"], options.loader)
        os.makedirs(cache, mode=0o700, exist_ok=True)
        environment["XDG_CACHE_HOME"] = cache
        loads.back_by_host(TOUCHED)  # for what is made ready while the loader starts
    result = child(options, environment, LOADS)
    if options.untouched and "load_ms" in result:
        time.sleep(HOST_SECONDS)
        alone = child(options, environment, 1, "--untouched")
        result["untouched_ms"] = alone["load_ms"]
        result["digests"] += alone["digests"]
    return {key: value if isinstance(value, list) else [value] for key, value in result.items()}


def make_one(options):
    """Appears whole or not at all; the name ends as before, as some packages go by that."""
    path = os.path.join(options.folder, LOADERS[options.loader].file)
    temporary = os.path.join(options.folder, f"new-{LOADERS[options.loader].file}")
    remove(temporary)
    try:
        LOADERS[options.loader].make(temporary)
    except ModuleNotFoundError as error:
        print(f"{os.path.basename(path)} is not made: {error}", file=sys.stderr)
        return
    os.rename(temporary, path)


def make(options):
    """Each in a process of its own, as they need packages that do not go together."""
    os.makedirs(options.folder, exist_ok=True)
    for name, loader in LOADERS.items():
        if not os.path.exists(os.path.join(options.folder, loader.file)):
            command = [sys.executable, "-B", __file__, "one", options.folder, options.packages]
            subprocess.run([*command, name], check=True)


def parsed():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("make", "one", "measure", "load"))
    parser.add_argument("folder")
    parser.add_argument("packages")
    parser.add_argument("loader", nargs="?", choices=LOADERS)
    parser.add_argument("--loads", type=int, default=LOADS)
    parser.add_argument("--untouched", action="store_true")
    options = parser.parse_args()
    if options.command != "make" and not options.loader:
        parser.error("which loader?")
    return options


def main():
    options = parsed()
    if options.loader:
        packages = os.path.join(options.packages, LOADERS[options.loader].packages)
        sys.path.insert(0, os.path.abspath(packages))
    if options.command == "make":
        make(options)
    elif options.command == "one":
        make_one(options)
    elif options.command == "measure":
        print(json.dumps({"question": "loaders", **measure(options)}))
    else:
        touched = 0 if options.untouched else TOUCHED
        print(json.dumps(load_again(options.folder, options.loader, options.loads, touched)))


if __name__ == "__main__":
    main()
