import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runInProcess } from './run-program.js'

/** A key on disk, and what the tools sign with it. */
export interface ToolFiles {
  /** A directory that the caller removes. */
  scratch: string
  /** A private JWK with the kid `key-1`. */
  keyFile: string
  /** Its public half as a key set. */
  jwksFile: string
  /** A signed POST with a query and a JSON body, as `sign` prints it. */
  post: string
  /** A signed GET. */
  get: string
}

/** Generates a key and signs with it, using the tools themselves. */
export async function createToolFiles(): Promise<ToolFiles> {
  const scratch = mkdtempSync(join(tmpdir(), 'countersign-tools-'))
  const keyFile = join(scratch, 'key.json')
  const jwksFile = join(scratch, 'jwks.json')
  const generated = await runInProcess('agent', 'keys', 'generate', '--output', keyFile, '--kid', 'key-1')
  writeFileSync(jwksFile, generated.stdout)
  const named = ['--key', keyFile, '--id', 'https://agent.example']
  const body = ['--data', '{"a":1}', '--header', 'Content-Type: application/json']
  const post = (await runInProcess('sign', 'https://api.example/things?x=1', ...named, ...body)).stdout
  const get = (await runInProcess('sign', 'https://api.example/data', ...named)).stdout
  return { scratch, keyFile, jwksFile, post, get }
}
