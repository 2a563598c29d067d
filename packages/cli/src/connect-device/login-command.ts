import { randomBytes } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createDelegateRequests } from 'countersign/delegate'
import { openPrivateFolder } from 'countersign/node'
import { isAgentName } from '../agent-folder/agent-file.js'
import { agentFolderPath, type WrittenAgent } from '../agent-folder/agent-folder.js'
import { findAgents, loginFolderPath } from '../agent-folder/choose-agent.js'
import { findAgentFolder, writeAgentFolder } from '../agent-folder/folder-files.js'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { editionOf, requireAllowed } from '../editions/agent-editions.js'
import type { EditionName } from '../editions/load-edition.js'
import { type NetworkFlags, readNetworkFlags, requireIdentifierFlag } from '../flags/network-flags.js'
import { type Connected, deviceFailure, disconnect, findConnection } from '../own-agent/device.js'
import { catchInterruption } from '../terminal/interruption.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { localTime, wrapText } from '../terminal/text.js'
import { connectInBrowser } from './browser-login.js'
import { findConnectPages } from './connect-pages.js'
import { connectRemotely } from './remote-login.js'

interface LoginFlags extends NetworkFlags {
  remote?: true
  edition?: EditionName
  name?: string
  timeout?: string
  home?: string
  json?: true
}

/** `countersign login <auth-server>`: connects this device to the user's account, so that commands can act as an agent of that user. */
export const loginCommand: Run<LoginFlags> = async (flags, terminal, address) => {
  const issuer = requireIdentifierFlag('The auth server', address, 'allowed')
  const network = readNetworkFlags(flags)
  const name = readName(flags.name)
  const seconds = readTimeout(flags.timeout)
  const { edition } = flags
  requireAllowed({ edition, id: issuer, authServers: [issuer] })
  const path = loginFolderPath(agentFolderPath(terminal.env, flags.home), issuer)
  const before = await findAgentFolder(path)
  const there = before && (await findConnection(before))
  if (there) {
    if (edition !== undefined && edition !== (before.edition ?? 'january'))
      throw usageError(
        `This device is connected with the edition ${before.edition ?? 'january'}: run countersign logout ${issuer} first, or use another folder with --home.`,
      )
    terminal.notify(
      wrapText('', `Nothing was changed. To use another account, run countersign logout ${issuer} first.`),
    )
    return report({ issuer, ...there }, flags, terminal)
  }
  // Its key no longer works.
  if (before) await rm(path, { recursive: true, force: true })
  const key = await generatePrivateJwk()
  const signer = await createSigner(key)
  const requests = createDelegateRequests({ id: issuer, signer })
  const pages = await findConnectPages({ issuer, edition }, network)
  const interruption = catchInterruption(terminal)
  const late = new AbortController()
  const timer = setTimeout(
    () => late.abort(new CommandError(tooLate(seconds), { exitCode: exitStatus.expired })),
    seconds * 1000,
  )
  const signal = AbortSignal.any([interruption.signal, late.signal])
  const connecting = { issuer, name, thumbprint: signer.thumbprint, pages, requests, terminal, signal }
  try {
    const connected = await (flags.remote ? connectRemotely(connecting) : connectInBrowser(connecting))
    const device = { name: connected.device, account: connected.account }
    await keepLogin({ path, id: issuer, edition, authServers: [issuer], keys: { signing: key }, device })
    return await report({ issuer, ...connected }, flags, terminal)
  } catch (error) {
    throw signal.aborted ? signal.reason : deviceFailure(error, issuer)
  } finally {
    clearTimeout(timer)
    interruption.release()
  }
}

function tooLate(seconds: number): string {
  return `No one connected this device within ${seconds} s. To try again, run the same command.`
}

/** The names that auth servers accept, in characters. */
const longestName = 64

function readName(given: string | undefined): string {
  const name = given ?? hostname().slice(0, longestName)
  if (isAgentName(name) && name.length <= longestName) return name
  throw usageError(`--name must be 1 to ${longestName} characters on one line, not only spaces, such as "Work laptop".`)
}

function readTimeout(text = '600'): number {
  if (/^\d{1,5}$/.test(text) && Number(text) > 0) return Number(text)
  throw usageError('--timeout must be a whole number of seconds from 1 to 99999, such as 600.')
}

/**
 * Stores a login. If that is impossible, the device is disconnected, so that the user's list contains no device that no one has.
 */
async function keepLogin(login: WrittenAgent): Promise<void> {
  const { path, id } = login
  const written = `${dirname(dirname(path))}/login-${randomBytes(9).toString('base64url')}`
  try {
    await writeAgentFolder({ ...login, path: written })
    openPrivateFolder(dirname(path))
    // Fails if another login has just been completed.
    await rename(written, path)
  } catch (error) {
    await rm(written, { recursive: true, force: true })
    await disconnect(login)
    if (!(await findAgentFolder(path))) throw error
    throw new CommandError(`Another login to ${id} was completed first, so this one was undone.`, { cause: error })
  }
}

async function report(
  { issuer, device, account, expires_at: end }: Connected & { issuer: string },
  { home, json, remote, edition }: LoginFlags,
  terminal: Terminal,
): Promise<number> {
  const limit = end === null ? '' : ` until ${localTime(end)}`
  if (json) terminal.write(`${JSON.stringify({ auth_server: issuer, device, account, expires_at: end }, null, 2)}\n`)
  else
    terminal.write(
      `${wrapText('', `This device is connected as “${device}” to the account ${account} at ${issuer}${limit}.`)}\n`,
    )
  if (remote && !json && !editionOf({ edition }).isPolled)
    terminal.notify(
      wrapText(
        '',
        'If a request needs your consent, use countersign fetch --paste: you decide in the browser on your other computer, and then paste the address of the last page here, because that page does not load.',
      ),
    )
  const agents = await findAgents({ home }, terminal.env)
  if (agents.length > 1)
    terminal.notify(
      wrapText('', `There are several agents on this device: to act as this one, add --as ${issuer} to commands.`),
    )
  return exitStatus.done
}
