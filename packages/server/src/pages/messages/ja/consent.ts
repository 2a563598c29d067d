import type { enBlocks, enConsent } from '../en/consent.js'
import { createCounted, createDuration } from '../parts/formats.js'
import { phrase } from '../parts/phrase.js'

const [counted, duration] = [createCounted('ja'), createDuration('ja')]

/** The text of the consent page, in Japanese. */
export const jaConsent: typeof enConsent = {
  duration,

  allowTitle: (agentHost) => `${agentHost}を許可しますか？`,
  allowQuestion: (agent, resource) => phrase`${agent}があなたに代わって${resource}にアクセスすることを許可しますか？`,
  allowSignIn: (agent) => phrase`こちらのアカウントで${agent}にログインすることを許可しますか？`,
  allowOwn: (agent) =>
    phrase`${agent}に、こちらのアカウントであなたをログインさせ、あなたに代わって自身のサービスにアクセスすることを許可しますか？`,
  whoAsks: 'リクエスト元',
  callsItself: (name) => phrase`名乗っている名前：${name}`,
  noName: 'このエージェントは名前を示していません。',
  comesFrom: (agent) => phrase`このリクエストは、確かに${agent}から届いたものです。`,
  publishedBy: (agent) =>
    phrase`エージェントの情報は${agent}が公開しています。このリクエストがそこから届いたという証拠はありません。`,
  registeredBy: {
    operator:
      'このエージェントは、このサーバーの運営者が登録しました。このリクエストがそのエージェントから届いたという証拠はありません。',
    itself:
      'このエージェントは自分でここに登録しました。これはどのプログラムにもできることで、エージェントやその名前を保証する人はいません。',
  },
  comesFromCopy: (agent, name) =>
    phrase`このリクエストは、アプリやサーバーなど、${agent}のコピーから届いたものです。${agent}はこれを${name}と呼び、保証しています。`,
  copyOf: (agent, name) => phrase`${agent}（コピー${name}）`,
  notChecked: {
    nothing: '誰が運営しているかは確認していません。',
    name: '名前と運営者は確認していません。',
    logo: 'ロゴと運営者は確認していません。',
    nameAndLogo: '名前、ロゴ、運営者は確認していません。',
  },
  resourceCallsItself: (resource, name) => phrase`${resource}は${name}と名乗っています。この名前は確認していません。`,
  firstTime: 'このエージェントがあなたに許可を求めるのは初めてです。',
  requestedBefore: 'このエージェントは、以前にもあなたに許可を求めています。',
  asked: (ago) => phrase`${ago}のリクエストです。`,
  code: (code) => phrase`コードが表示されたなら、${code}でなければなりません。`,
  allowedBefore: (day) => phrase`このエージェントは${day}に許可しました。`,
  allowedOtherCopy: (day) => phrase`このエージェントは${day}に許可しましたが、このコピーは許可していません。`,
  allowedOnlyCopy: (day) =>
    phrase`このエージェントのコピーは${day}に許可しましたが、エージェント自体は許可していません。`,
  asksForMore: '今回は、さらに多くを求めています。',
  changed: '最後に許可したときから、このエージェントに次の変更がありました：',
  changedForOthers: 'ほかの人が最後に許可したときから、このエージェントに次の変更がありました：',
  changes: {
    keys: '新しい鍵を使っています。',
    redirect_host: '移動先のアドレスが変わりました。',
    name: '名前が変わりました。',
    unnamed: '名前を示さなくなりました。',
  },
  before: (value) => phrase`以前：${value}`,
  saysNothing: (agent) => phrase`${agent}は名前を示しておらず、ウェブサイトもありません。特に慎重に判断してください。`,
  lookAlike: (agent) =>
    phrase`よく確かめてください。${agent}は、a～z 以外の文字を含むアドレスを表しています。このような文字を使うと、あなたの知っているアドレスに見せかけることができます。`,
  claims: {
    brand: (brand, agent) =>
      phrase`「${brand}」は広く信頼されている名前ですが、${agent}は、私たちが把握しているそのアドレスには含まれていません。`,
    address: (address, agent) =>
      phrase`名前は${address}というアドレスのように見えますが、リクエストは${agent}から届いています。`,
    imitation:
      'この名前は、私たちからのメッセージのように見えるかもしれませんが、そうではありません。エージェントが自分で付けた名前で、確認していません。',
  },

  details: '詳細',
  detailsAndNot: '詳細と、できないこと',
  detailAgent: 'エージェント',
  detailDelegate: 'エージェントのコピー（デバイスまたはインスタンス）',
  detailKey: '鍵のフィンガープリント',
  detailResource: 'アクセス先',
  detailPermissions: 'できるようになることの技術的な名前',
  detailCall: '「今回のみ」で許可される内容',
  detailRedirect: '次の移動先',
  agentLinks: 'エージェント自身のページです。内容は確認していません。新しいタブで開きます。',
  homepage: 'ホームページ',
  policy: 'プライバシーポリシー',
  terms: '利用規約',

  able: 'できるようになること',
  ableNothing: (resource) => phrase`${resource}は一覧を示していません。`,
  noDescription: (resource) => phrase`${resource}は説明を示していません`,
  identity: {
    openid: '次回以降、あなたを見分ける',
    profile: '名前とユーザー名を見る',
    email: 'メールアドレスを見る',
  },
  noValue: '登録されていません',
  withheld: '求められていますが、提供しません',
  risks: { read: '閲覧', change: '変更', delete: '削除', spend: '支払い', control: '完全な制御' },
  isNew: '新規',
  kept: '引き続きできること：',
  leftOut: '少し前にあなたが削除したため、次の権限は削除されたままになります：',
  notAble: 'できないこと',
  notSeePassword: 'パスワードを見る',
  notGetPassword: '私たちからパスワードを受け取る',
  notRequested: '求められていません',
  notElsewhere: 'あなたが使うほかのサービスにアクセスする',
  alreadyElsewhere: (services, myAgents) => phrase`すでに${services}にアクセスできます（${myAgents}を参照）。`,
  alreadySignsIn: (myAgents) =>
    phrase`すでに、このエージェントにこちらのアカウントでログインできます（${myAgents}を参照）。`,
  moreServices: (count) => counted(count, { other: 'ほか # 件' }),
  howLong: '期間',
  untilRemoved: '削除するまで',
  once: '今回のみ',
  onceAllows: (call, seconds) =>
    phrase`「今回のみ」で許可されるのは、${duration(seconds)}以内に 1 回だけ行う${call}に限られます。`,
  onceSends: '一緒に送信される内容も変更できませんが、私たちがその内容を見ることはできません。',
  askedAgain: '次回このエージェントを接続するときは、もう一度確認します。',
  whileAway: 'あなたが操作していないときにも使われることがあります。',
  removeIn: (myAgents) => phrase`${myAgents}でいつでも削除できます。`,
  worksOn: (seconds) => `その後も使える場合があります（最長 ${duration(seconds)}）。`,
  myAgents: 'マイエージェント',

  loopback: (port) =>
    phrase`回答は、このデバイスのアプリ（ポート ${port}）に送信されます。ご自身で今起動したアプリの場合にだけ、続けてください。`,
  bearer: 'このアクセス権は 1 つのプログラムに限定されていません。コピーした人は誰でも、期限が切れるまで使えます。',
  anyProgram: (port) =>
    phrase`目の前のコンピューターにあるプログラム（ポート ${port}）がアクセス権を受け取ります。そのコンピューターで今起動したプログラムの場合にだけ、許可してください。このブラウザからアドレスをコピーするよう誰かに頼まれても、応じないでください。そのアドレスにはアクセス権が含まれています。`,
  elsewhere: (redirect, agent) =>
    phrase`回答は、${agent}とは別のアドレスである${redirect}に送信されます。想定どおりの場合にだけ、続けてください。`,
  toldToOpen: (deny) =>
    phrase`このエージェントに、今何かを依頼しましたか？ 人やメッセージ、電話での指示でこのページを開いた場合は、${deny}を選んでください。`,
  dangerous: (agent, what) =>
    phrase`許可すると、${agent}は${what}を行えるようになります。必要な理由がわかる場合にだけ、許可してください。`,
  dangers: { delete: 'データの削除', spend: 'あなたのお金の支払い', control: '完全な制御' },
  passkeyAgain: '許可するには、パスキーで確認してください。',
  passkeyNeeded: 'このブラウザではパスキーを使えません。パスキーに対応したブラウザでリクエストを開いてください。',
  passwordAgain: '許可するには、パスワードをもう一度入力してください。',
  deny: '許可しない',
  allow: '許可する',
  goBackTo: (redirect) => phrase`${redirect}に戻ります`,
  goOnTo: (redirect) => phrase`${redirect}に進みます`,
  endsAt: (time) => phrase`このリクエストの期限は ${time} です。`,
  endsSoon: (time) => phrase`まもなくこのリクエストの期限（${time}）になります。時間を延長できます。`,
  extend: '時間を延長する',
}

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
  sameCode: '同じコードなので許可する',
  compareCode: (deny) =>
    phrase`リクエストしたプログラムにコードが表示されています。このコードと違う場合は、${deny}を選んでください。`,
  enterCode: 'コードを入力',
  enterCodeReason: 'アクセスを求めているプログラムに、12 文字の英数字のコードが表示されています。',
  codeLabel: 'コード',
  wrongCode:
    'このコードは使えません。確認するか、コードを表示したプログラムからやり直してください。間違ったコードを何度か入力すると、リクエストは終了します。',
}
