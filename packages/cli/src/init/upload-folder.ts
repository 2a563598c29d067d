import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { parseJsonObject } from 'countersign/tokens'
import { agentDocuments, type WrittenAgent } from '../agent-folder/agent-folder.js'
import { CommandError, errorCode, usageError } from '../command/errors.js'
import { editionOf } from '../editions/agent-editions.js'

/** The output folder for the documents to upload. */
export interface Upload {
  folder: string
  files: readonly { file: string; url: string }[]
  /** The agent's metadata document in that folder; members that the user added to it are kept. */
  there: Readonly<Record<string, unknown>>
}

/** Returns the output folder for the documents: the given folder, or one named after the agent's host. */
export function uploadFolder({ id, path }: Pick<WrittenAgent, 'id' | 'path'>, out: string | undefined): string {
  const folder = out ?? new URL(id).hostname
  const way = relative(resolve(folder), path)
  if (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way))
    throw usageError(
      `${folder} would be uploaded together with the private key, which is in ${path}: use another folder for --upload-folder.`,
    )
  return folder
}

/** @throws CommandError if documents in the folder cannot be read, or may belong to another agent */
export async function readUpload(agent: WrittenAgent, folder: string): Promise<Upload> {
  const documents = await agentDocuments(agent)
  const [description, keySet] = documents
  // The files are read one after the other, so that the reported error is always the same if neither can be read.
  const there = await readDocument(join(folder, description.path))
  const keysThere = await readDocument(join(folder, keySet.path))
  if (there === undefined ? keysThere !== undefined : there[editionOf(agent).documents.agent.self] !== agent.id)
    throw new CommandError(
      `${folder} contains documents that may belong to an agent other than ${agent.id}: use another folder with --upload-folder.`,
    )
  const files = documents.map(({ path, url }) => ({ file: join(folder, path), url }))
  return { folder, files, there: there ?? {} }
}

/** Writes the two documents of an agent for a static host, each of them atomically. */
export async function writeUpload(agent: WrittenAgent, { folder, there }: Upload): Promise<void> {
  const [description, keySet] = await agentDocuments(agent)
  await writeDocument(join(folder, description.path), {
    ...there,
    ...description.document,
    ...mergedRedirects(description.document, there),
  })
  await writeDocument(join(folder, keySet.path), keySet.document)
}

/** The redirect URIs of a document that has them, including those that the user added. */
function mergedRedirects(
  { redirect_uris: own }: Readonly<Record<string, unknown>>,
  { redirect_uris: there }: Readonly<Record<string, unknown>>,
): { redirect_uris?: unknown[] } {
  if (!Array.isArray(own)) return {}
  return { redirect_uris: [...new Set<unknown>([...own, ...(Array.isArray(there) ? there : [])])] }
}

async function readDocument(path: string): Promise<Record<string, unknown> | undefined> {
  try {
    const document = parseJsonObject((await readFile(path, 'utf8')).trim())
    if (document) return document
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined
    throw new CommandError(`${path} cannot be read (${errorCode(cause)}).`, { cause })
  }
  throw new CommandError(`${path} is not a JSON object: move it somewhere else.`)
}

async function writeDocument(path: string, document: object): Promise<void> {
  const written = `${path}.${randomUUID()}`
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(written, `${JSON.stringify(document, null, 2)}\n`, { flag: 'wx' })
    await rename(written, path)
  } catch (cause) {
    throw new CommandError(`${path} cannot be written (${errorCode(cause)}).`, { cause })
  }
}
