import type { WrittenAgent } from '../agent-folder/agent-folder.js'
import type { Look } from '../own-agent/look.js'
import { nextCommand } from './next-command.js'
import type { Upload } from './upload-folder.js'

/** What `init` did, and what it saw. */
export interface InitResult {
  agent: WrittenAgent
  /** `changed`: the next key signs; `announced`: it is to be published; `replaced`: there is a new key alone. */
  did: 'made' | 'kept' | 'announced' | 'changed' | 'replaced'
  /** Undefined, as the look, for an agent on this machine, which publishes its documents itself. */
  upload: Upload | undefined
  look: Look | undefined
  /** Seconds until the next key may sign; undefined where there is none, or it is not published. */
  waitSeconds: number | undefined
  warnings: readonly string[]
  /** The folder as it was given. */
  agentFlag: string | undefined
}

/** The same for programs. */
export function documentOf(result: InitResult): object {
  const { agent, did, upload, look, waitSeconds, warnings } = result
  const { id, path, keys } = agent
  return {
    agent: id,
    folder: path,
    did,
    signing_key: keys.signing.kid,
    next_key: keys.next?.kid ?? null,
    wait_seconds: waitSeconds ?? null,
    upload: upload ? { folder: upload.folder, files: upload.files } : null,
    published: look ? { outcome: look.outcome, problems: look.problems, advice: look.advice } : null,
    warnings,
    next: nextCommand(result),
  }
}
