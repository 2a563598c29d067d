import type { enBlocks } from '../en/blocks.js'
import { phrase } from '../parts/phrase.js'

/** The text of the parts of the consent page that an edition may fill, and of the page for codes, in Japanese. */
export const jaBlocks: typeof enBlocks = {
  comesFromAgent: (id, provider) => phrase`このリクエストは${id}から届いたもので、${provider}がこれを保証しています。`,
  detailAgentId: 'エージェントの正式名',
  allowedOther: (day, provider) =>
    phrase`${provider}の別のエージェントを${day}に許可しましたが、このエージェントは許可していません。`,
  enrolment: 'このエージェントは初めてです',
  enrols: (id) =>
    phrase`許可すると、${id}は今後、「マイエージェント」で削除するまで、あなたの代理として操作し、ほかの人の代理として操作することはありません。`,
  agentSays: (id) => phrase`${id}による説明`,
  agentSaysUnchecked: 'これはエージェントが書いたもので、確認していません。',
  platform: '動作環境',
  platforms: {
    web: 'ウェブサイト',
    mobile: 'スマートフォンまたはタブレット',
    desktop: 'コンピューター',
    workload: 'サーバー',
    'self-hosted': '利用者自身のサーバー',
  },
  device: 'エージェントによるデバイスの呼び名',
  resourceSays: (resource) => phrase`${resource}による説明`,
  account: 'アクセス先のアカウント',
  resourceUnreachable: (resource) =>
    phrase`${resource}が自身について公開している内容を読み取れなかったため、アドレス以外のことはわかりません。`,
  needs: {
    identity: (resource) =>
      phrase`このサービスによると、あなたに代わって操作するエージェントには、ほかの許可は必要ありません。エージェントに何ができるかは${resource}が決めます。`,
    permission: (resource) =>
      phrase`このサービスによると、エージェントがそこで行うことには、あなたの許可も必要です。そのため、${resource}についてもう一度確認する場合があります。`,
  },
  actAs: 'そのサービスがあなたに改めて確認せずに認める範囲で、あなたとして操作する',
  compareCode: (deny) =>
    phrase`リクエストしたプログラムにコードが表示されています。このコードと違う場合は、${deny}を選んでください。`,
  enterCode: 'コードを入力',
  enterCodeReason: 'アクセスを求めているプログラムに、12 文字の英数字のコードが表示されています。',
  codeLabel: 'コード',
  wrongCode:
    'このコードは使えません。確認するか、コードを表示したプログラムからやり直してください。間違ったコードを何度か入力すると、リクエストは終了します。',
}
