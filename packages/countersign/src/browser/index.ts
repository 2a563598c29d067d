/**
 * An agent in a web page: its key is in the browser and cannot be exported, its tokens are in IndexedDB, and the user decides in the same
 * tab or in a popup. The page's server uses `countersign/agent-server`.
 *
 * @packageDocumentation
 */

export { AgentError } from '../lib/agent-error.js'
export {
  type BrowserAgent,
  type BrowserAgentOptions,
  type BrowserReturn,
  createBrowserAgent,
  openConsentPopup,
} from './create-browser-agent.js'
