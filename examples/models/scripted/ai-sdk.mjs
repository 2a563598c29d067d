import { MockLanguageModelV3 } from 'ai/test'
import { plan } from './plan.mjs'

const unit = { total: undefined }
const usage = { inputTokens: unit, outputTokens: unit }

export const model = new MockLanguageModelV3({
  async doGenerate({ prompt }) {
    const { role, content } = prompt.at(-1)
    const { call, reply } = plan(prompt, { role, text: content[0].output?.value })
    const content_ = call
      ? { type: 'tool-call', toolCallId: crypto.randomUUID(), toolName: 'addEvent', input: JSON.stringify(call) }
      : { type: 'text', text: reply }
    const finishReason = { unified: call ? 'tool-calls' : 'stop', raw: undefined }
    return { content: [content_], finishReason, usage, warnings: [] }
  },
})
