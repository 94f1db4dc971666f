/**
 * Files: a port to wherever they are stored, and readers and writers of the formats of low-rank problems and models.
 * Everything that touches a file system or a network is here; the rest of the library receives numbers. To add a
 * format, write a file in this folder on top of the port, and export it here.
 *
 * @module bures/io
 */
export type { BytesRange, FileBytes } from './files/blob-file.js';
export { directoryFiles, opfsFiles } from './files/directory-files.js';
export type { DirectoryHandle, FileHandle, SyncAccessHandle, WritableFile } from './files/directory-handle.js';
export type { ByteSink, FileContent } from './files/file-content.js';
export { type ChosenFile, fileListFiles } from './files/file-list-files.js';
export { type FileInfo, type Files, type OpenFile, readAll } from './files/files.js';
export { memoryFiles } from './files/memory-files.js';
export { nodeFiles } from './files/node-files.js';
export { webFiles } from './files/web-files.js';
export { type HubFilesOptions, hubFiles } from './hub/hub-files.js';
export type { DownloadProgress, HubRepository } from './hub/hub-repository.js';
export { type OpenHubRepositoryOptions, openHubRepository } from './hub/open-hub-repository.js';
export { type NpyOptions, readNpy, writeNpy } from './npy/npy.js';
export type { FloatDtype, StoredDtype, TensorDtype } from './safetensors/dtypes.js';
export { type OpenSafetensorsOptions, openSafetensors } from './safetensors/open-safetensors.js';
export type { TensorData, TensorValues } from './safetensors/serialize-tensors.js';
export type { TensorEntry, TensorStore } from './safetensors/tensor-store.js';
export {
  type WriteCheckpointOptions,
  type WriteSafetensorsOptions,
  writeCheckpoint,
  writeSafetensors,
  writeSafetensorsDefaults,
} from './safetensors/write-safetensors.js';
export { readTriplets, type TableReading, type Triplets } from './triplets/delimited-triplets.js';
export { type MatrixMarketSizes, type ReadMatrixMarketOptions, readMatrixMarket, readMatrixMarketSizes } from './triplets/matrix-market.js';
export { type ReadTripletsOptions, readTripletsDefaults, type TripletFields } from './triplets/triplet-options.js';
