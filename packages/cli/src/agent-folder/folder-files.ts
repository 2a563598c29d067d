import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createSigner, type PrivateJwk } from 'countersign'
import { FileStoreError, openPrivateFolder, readPrivateFile, writePrivateFile } from 'countersign/node'
import { parseJsonObject } from 'countersign/tokens'
import { CommandError, errorCode, usageError } from '../command/errors.js'
import { type AgentFile, parseAgentFile } from './agent-file.js'
import { type AgentFolder, type AgentKey, keyFileOf, type WrittenAgent } from './agent-folder.js'

/**
 * Reads an agent from its folder; undefined if the folder has none.
 *
 * @throws CommandError if a file in the folder is invalid or cannot be read
 * @throws FileStoreError if other users could read the folder or a file in it, or a file is a link, with instructions
 */
export async function findAgentFolder(path: string): Promise<AgentFolder | undefined> {
  const place = join(path, 'agent.json')
  const text = await readText(place)
  if (text === undefined) return undefined
  openPrivateFolder(path)
  const document = parseJsonObject(text.trim())
  if (!document) throw usageError(`${place} is not a JSON object: fix it, or move it somewhere else.`)
  const parsed = parseAgentFile(document)
  if ('problem' in parsed) throw usageError(`${place} ${parsed.problem}.`)
  const { id, name, edition, authServers, signingKey, nextKey, since, device } = parsed.file
  const signing = await readKey(path, signingKey)
  const next = nextKey === undefined ? undefined : await readKey(path, nextKey)
  const keys = { signing, next }
  return { path, id, name, edition, authServers, keys, since, device, storePath: join(path, 'store') }
}

async function readText(place: string): Promise<string | undefined> {
  try {
    return await readPrivateFile(place)
  } catch (cause) {
    if (cause instanceof FileStoreError) throw cause
    throw new CommandError(`${place} cannot be read (${errorCode(cause)}).`, { cause })
  }
}

async function readKey(path: string, file: string): Promise<AgentKey> {
  const place = join(path, file)
  const text = await readText(place)
  if (text === undefined)
    throw usageError(`${place} is missing, although agent.json lists it as one of the agent’s key files.`)
  const jwk = parseJsonObject(text.trim())
  if (!jwk || !isPrivateJwk(jwk))
    throw usageError(`${place} does not contain a private JWK (with the members kty, d and kid).`)
  if (keyFileOf(jwk) !== file)
    throw usageError(`${place} contains the key ${jwk.kid}: rename the file to ${keyFileOf(jwk)}, also in agent.json.`)
  try {
    await createSigner(jwk)
  } catch (cause) {
    throw usageError(
      `${place} does not contain a usable key: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    )
  }
  return jwk
}

function isPrivateJwk(jwk: Readonly<Record<string, unknown>>): jwk is PrivateJwk & { kid: string } & typeof jwk {
  return ['kty', 'd', 'kid'].every((member) => typeof jwk[member] === 'string')
}

/**
 * Writes an agent's folder: first any new key files, then `agent.json`, which refers to them. If the program is killed in between, the
 * folder is still in either its old or its new state. Existing key files are never overwritten.
 *
 * @throws FileStoreError if the folder cannot be created, or other users could read it or a key in it, with instructions
 * @throws CommandError if a file cannot be written
 */
export async function writeAgentFolder(agent: WrittenAgent): Promise<void> {
  const { path, id, name, edition, authServers, keys, since, device } = agent
  openPrivateFolder(path)
  const { signing, next } = keys
  for (const key of next ? [signing, next] : [signing]) await addKey(path, key)
  const file: AgentFile = {
    id,
    name,
    edition,
    authServers,
    signingKey: keyFileOf(signing),
    nextKey: next && keyFileOf(next),
    since,
    device,
  }
  await writeText(join(path, 'agent.json'), `${JSON.stringify(file, null, 2)}\n`)
}

async function addKey(path: string, key: AgentKey): Promise<void> {
  const place = join(path, keyFileOf(key))
  if ((await readPrivateFile(place)) !== undefined) return
  await writeText(place, `${JSON.stringify(key, null, 2)}\n`)
}

async function writeText(place: string, text: string): Promise<void> {
  try {
    await writePrivateFile(place, text)
  } catch (cause) {
    throw new CommandError(`${place} cannot be written (${errorCode(cause)}).`, { cause })
  }
}

/** Deletes the file of a key that the agent no longer uses. Call it only after `agent.json` has stopped referring to the key. */
export async function removeKey({ path }: WrittenAgent, key: AgentKey): Promise<void> {
  await rm(join(path, keyFileOf(key)), { force: true })
}
