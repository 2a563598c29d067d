import { pipeProgram } from './run-program.js'

/** The document of `verify --json`, as its consumer expects it. */
export interface Report {
  verdict: string
  failure: { step: string; code: string; status: number; message: string; hint: string | null } | null
  steps: { step: string; outcome: string; text?: string }[]
  base: string | null
  missing: string[]
  signer: { scheme: string; agent: string | null; thumbprint: string; token: { kind: string } | null } | null
  notes: string[]
}

/** Runs `verify --json` on a request. */
export async function verifyJson(
  input: string | Uint8Array,
  ...args: string[]
): Promise<{ status: number | null; report: Report }> {
  const { status, stdout } = await pipeProgram(input, 'verify', '--json', ...args)
  return { status, report: JSON.parse(stdout) as Report }
}
