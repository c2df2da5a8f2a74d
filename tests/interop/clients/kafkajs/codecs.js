// The codecs that kafkajs leaves to other packages, from packages that need no compiler.
'use strict'

const { CompressionTypes, CompressionCodecs } = require('kafkajs')
const lz4 = require('lz4-napi')
const snappy = require('kafkajs-snappy')
const { ZstdCodec } = require('zstd-codec')

// Resolves when every codec is usable; zstd is WebAssembly that is loaded first.
async function install() {
  CompressionCodecs[CompressionTypes.Snappy] = snappy
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: async encoder => lz4.compressFrame(encoder.buffer),
    decompress: async data => lz4.decompressFrame(data),
  })
  const { Streaming } = await new Promise(resolve => ZstdCodec.run(resolve))
  const zstd = new Streaming()
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async encoder => Buffer.from(zstd.compress(encoder.buffer)),
    decompress: async data => Buffer.from(zstd.decompress(data)),
  })
}

module.exports = { install }
