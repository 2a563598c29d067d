import { memoryStorage } from '../../dist/storage/memory-storage.js'
import { sqliteStorage } from '../../dist/storage/sqlite-storage.js'
import { storageContract } from './contract.js'
import { temporaryFile } from './temporary-file.js'

storageContract('memoryStorage', (options) => memoryStorage(options))
storageContract('sqliteStorage', (options) => sqliteStorage(temporaryFile(), options))
