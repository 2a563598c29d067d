/**
 * Chat bots on platforms that cannot sign their users in to your website: `createChatAgent` gives an agent a session for each chat user, which
 * that user confirms with six digits.
 *
 * @packageDocumentation
 */

export {
  type ChatAgent,
  type ChatAgentOptions,
  type ChatInvitation,
  type ChatUser,
  type Confirmation,
  createChatAgent,
} from './create-chat-agent.js'
