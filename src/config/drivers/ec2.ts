import { type StaticDecode, Type } from 'typebox'
import { namePattern, optionalMap, Path } from '../fields.ts'
import { Size } from '../units.ts'
import { Pace } from './pace.ts'

const InstanceType = Type.String({
  pattern: '^[a-z][a-z0-9-]{0,30}\\.[a-z0-9-]{1,30}$',
  expected: 'an instance type such as c7i.large',
})

/** An amount of money per hour. */
const Price = Type.Number({ minimum: 0.0001, maximum: 10_000, expected: 'a price per hour such as 0.0892' })

/** Of a node type: what may be bought for it. */
const Purchase = Type.Object(
  {
    /** Any of them will do; of those that cost the same the first comes first. */
    instanceTypes: Type.Array(InstanceType, {
      minItems: 1,
      maxItems: 50,
      expected: 'a list of at least one instance type',
    }),
    /** `spot-first`: on demand only where no spot machine is to be had. */
    market: Type.Union([Type.Literal('on-demand'), Type.Literal('spot'), Type.Literal('spot-first')], {
      default: 'on-demand',
    }),
    /** The most that is paid for a spot machine per hour; left out: the price on demand. */
    maxPrice: Type.Optional(Price),
  },
  optionalMap,
)

/** Machines of Amazon EC2, or of a cloud that speaks its API. */
export const Ec2Schema = Type.Object({
  kind: Type.Literal('ec2'),
  region: Type.String({ pattern: '^[a-z0-9-]{1,40}$', expected: 'a region such as eu-central-1' }),
  /** An AMI by its id, by the digest in its tag `causeway:image`, or the newest of an owner's whose name is like a pattern. */
  image: Type.String({
    pattern: '^(ami-[0-9a-f]{8,17}|sha256:[0-9a-f]{64}|(self|amazon|[0-9]{12})/\\S{3,128})$',
    expected: 'an AMI: ami-0123456789abcdef0, sha256:DIGEST, or OWNER/NAME where * stands for anything',
  }),
  /** The zones that may have machines, each with the subnet in which they get their addresses there. */
  zones: Type.Record(
    Type.String({ pattern: '^[a-z0-9-]{1,60}$', expected: 'a zone such as eu-central-1a' }),
    Type.String({ pattern: '^subnet-[0-9a-f]{8,17}$', expected: 'a subnet such as subnet-0123456789abcdef0' }),
    { minProperties: 1 },
  ),
  securityGroups: Type.Array(
    Type.String({ pattern: '^sg-[0-9a-f]{8,17}$', expected: 'a security group such as sg-0123456789abcdef0' }),
    { minItems: 1, maxItems: 16, expected: 'a list of at least one security group' },
  ),
  /** Left out: as the SDK finds them (environment, ~/.aws, the role of the head's own instance). */
  credentials: Type.Optional(
    Type.Object({
      /** A file in the form of ~/.aws/credentials. */
      file: Path(),
      profile: Type.String({ pattern: '^[^\\s\\]]{1,100}$', expected: 'the name of a profile', default: 'default' }),
    }),
  ),
  /** Another address of the API, for clouds that are not Amazon's. */
  endpoint: Type.Optional(Type.String({ pattern: '^https?://\\S+$', expected: 'a URL' })),
  /** Whether machines get a public IPv4 address, for subnets without a NAT gateway. */
  publicAddress: Type.Boolean({ default: false }),
  /** Whether EC2 drops packets that do not bear the machine's own address: without, machines can send as each other. */
  sourceDestCheck: Type.Boolean({ default: true }),
  rootDisk: Type.Object(
    {
      /** Left out: as large as the image's. */
      size: Type.Optional(Size()),
      type: Type.String({ pattern: '^[a-z0-9]{2,12}$', expected: 'a volume type such as gp3', default: 'gp3' }),
      encrypted: Type.Boolean({ default: true }),
      /** The key in KMS; left out: the account's own for EBS. */
      kmsKey: Type.Optional(Type.String({ pattern: '^\\S{1,2048}$', expected: 'the id or ARN of a KMS key' })),
    },
    { default: {} },
  ),
  /** What instance types cost on demand per hour: the EC2 API does not tell. */
  prices: Type.Record(InstanceType, Price, { default: {} }),
  /** RunInstances may be called five times at once and then twice a second; a delete lasts until the machine has ended. */
  pace: Pace({ inFlight: 64, perSecond: 2, burst: 5 }),
  /** By the site's node type. */
  types: Type.Record(Type.String({ pattern: namePattern }), Purchase, { minProperties: 1 }),
})

/** The settings of an EC2 site, decoded: sizes are bytes. */
export type Ec2Settings = Omit<StaticDecode<typeof Ec2Schema>, 'kind'>
