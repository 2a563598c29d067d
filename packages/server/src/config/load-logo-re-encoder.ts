import { MissingPackageError } from 'countersign/node'
import { ConfigurationError } from 'countersign/wire'
import type { LogoReEncoder } from '../outbound/logo-re-encoder.js'
import type { LoadedConfig } from './load-config.js'

/**
 * What makes pictures of agents' logos; undefined where pages show none.
 *
 * @throws ConfigurationError saying what is to be installed
 */
export async function loadLogoReEncoder({
  file,
  settings,
}: Pick<LoadedConfig, 'file' | 'settings'>): Promise<LogoReEncoder | undefined> {
  if (!settings.pages.logos) return undefined
  try {
    return (await import('../outbound/re-encode/index.js')).reEncodeLogo
  } catch (error) {
    if (!(error instanceof MissingPackageError)) throw error
    const problem = `${error.message}, or set it to false: then pages show a letter for each agent`
    throw new ConfigurationError(file, [{ setting: 'pages.logos', problem }])
  }
}
