import { BaseChatModel } from '@langchain/core/language_models/chat_models'
import { AIMessage } from '@langchain/core/messages'
import { plan } from './plan.mjs'

class ScriptedModel extends BaseChatModel {
  _llmType() {
    return 'scripted'
  }
  bindTools() {
    return this
  }
  async _generate(messages) {
    const last = messages.at(-1)
    const { call, reply = '' } = plan(messages, { role: last.type === 'human' ? 'user' : last.type, text: last.text })
    const calls = call ? [{ id: crypto.randomUUID(), name: 'addEvent', args: call, type: 'tool_call' }] : []
    return { generations: [{ text: reply, message: new AIMessage({ content: reply, tool_calls: calls }) }] }
  }
}

export const model = new ScriptedModel({})
