import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { copyOf } from './copy-of.js'
import type { CopiedFile } from './log-copier.js'

// The thread of createLogCopier.

const { path } = workerData as CopiedFile
const database = new Database(path, { fileMustExist: true, timeout: 0 })

parentPort?.on('message', () => parentPort?.postMessage(copyOf(database)))
