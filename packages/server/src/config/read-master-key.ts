import { readFile } from 'node:fs/promises'
import { ConfigurationError } from 'countersign/wire'
import type { LoadedConfig } from './load-config.js'
import { parseMasterKey } from './parse-master-key.js'

const ranBefore = 'A server that ran before: only the master key it had opens the keys in its database'
const missing = `is missing. A new server: make one with "countersign keys generate-master --out master.key" and set masterKeyFile. ${ranBefore}`
const noFile = (path: string) =>
  `is missing: there is no file ${path}. A new server: make it with "countersign keys generate-master --out ${path}". ${ranBefore}`

/** The master key, from its variable or file. @throws ConfigurationError that says whether it is missing or wrong */
export async function readMasterKey({ file, settings }: Pick<LoadedConfig, 'file' | 'settings'>): Promise<Uint8Array> {
  const { masterKey, masterKeyFile } = settings
  const refuse = (setting: string, problem: string, cause?: unknown) =>
    new ConfigurationError(file, [{ setting, problem }], cause)
  if (masterKey === undefined && masterKeyFile === undefined) throw refuse('masterKey', missing)
  let text = masterKey ?? ''
  if (masterKeyFile !== undefined) {
    try {
      text = await readFile(masterKeyFile, 'utf8')
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
      throw refuse('masterKeyFile', code === 'ENOENT' ? noFile(masterKeyFile) : `cannot be read (${code})`, cause)
    }
  }
  const parsed = parseMasterKey(text)
  if ('problem' in parsed) throw refuse(masterKeyFile === undefined ? 'masterKey' : 'masterKeyFile', parsed.problem)
  return parsed.masterKey
}
