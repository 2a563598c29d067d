import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { type CopiedFile, copyOf } from './checkpoint.js'

// The worker thread of createLogCopier.

const { path } = workerData as CopiedFile
const database = new Database(path, { fileMustExist: true, timeout: 0 })

parentPort?.on('message', () => parentPort?.postMessage(copyOf(database)))
