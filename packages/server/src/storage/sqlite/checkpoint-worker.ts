import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { type CheckpointWorkerData, checkpointWal } from './checkpoint.js'

// The worker thread of createCheckpointer.

const { path } = workerData as CheckpointWorkerData
const database = new Database(path, { fileMustExist: true, timeout: 0 })

parentPort?.on('message', () => parentPort?.postMessage(checkpointWal(database)))
