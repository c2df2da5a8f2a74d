#!/usr/bin/env python3
"""Generates C++ from .schema files: schemagen.py --output DIR FILE.schema...

The language is described in grammar.md. Files whose content would not change keep their modification time."""

import argparse
import sys
from pathlib import Path

import catalog
import codec
import debug
import header
import schema as schemas


def outputs(loaded):
    """Generated file name -> content."""
    files = {}
    for schema in loaded:
        files[f'{schema.stem}.hpp'] = header.header(schema)
        files[f'{schema.stem}.cpp'] = codec.source(schema)
        files[f'{schema.stem}_debug.hpp'] = debug.header(schema)
        files[f'{schema.stem}_debug.cpp'] = debug.source(schema)
    files['apis.cpp'] = catalog.apis(loaded)
    files['catalog.cpp'] = catalog.messages(loaded)
    return files


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        if not path.exists() or path.read_text() != content:
            path.write_text(content)


def main():
    parser = argparse.ArgumentParser(description='Generates C++ from .schema files.')
    parser.add_argument('--output', type=Path, required=True, help='folder of the generated files')
    parser.add_argument('schemas', type=Path, nargs='+')
    arguments = parser.parse_args()
    try:
        loaded = schemas.load(arguments.schemas)
    except schemas.SchemaError as error:
        print(error, file=sys.stderr)
        return 1
    write(arguments.output, outputs(loaded))
    return 0


if __name__ == '__main__':
    sys.exit(main())
