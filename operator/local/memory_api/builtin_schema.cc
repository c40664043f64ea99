// The notation, one kind or struct an entry:
//
//   Name { field:type field:type ... }
//
//   type     str int bool num qty (quantity) ios (int or string) time any b64
//            Name          another entry
//            [T]           list replaced as a whole      [T]@a,b  list keyed by fields a and b
//            [T]#          list that is a set            {T}      map with values of T
//   suffix   !             required                      =JSON    default, without blanks
//            ~             replaced as a whole by apply
#include "operator/local/memory_api/builtin_schema.h"

#include <map>

#include "broker/base/assert.h"

namespace natrix::memory_api {

namespace {

constexpr std::string_view kMetaTable = R"(
OwnerReference { apiVersion:str! kind:str! name:str! uid:str! controller:bool
  blockOwnerDeletion:bool }
ObjectMeta { name:str generateName:str namespace:str uid:str resourceVersion:str generation:int
  creationTimestamp:time deletionTimestamp:time deletionGracePeriodSeconds:int labels:{str}
  annotations:{str} ownerReferences:[OwnerReference]@uid finalizers:[str]# managedFields:[any]
  selfLink:str }
LabelSelectorRequirement { key:str! operator:str! values:[str] }
LabelSelector { matchLabels:{str} matchExpressions:[LabelSelectorRequirement] }
ObjectReference { kind:str namespace:str name:str uid:str apiVersion:str resourceVersion:str
  fieldPath:str }
Condition { type:str! status:str! observedGeneration:int lastTransitionTime:time reason:str
  message:str }
LocalObjectReference { name:str }
)";

constexpr std::string_view kContainerTable = R"(
ContainerPort { name:str hostPort:int containerPort:int! protocol:str="TCP" hostIP:str }
ObjectFieldSelector { apiVersion:str="v1" fieldPath:str! }
ResourceFieldSelector { containerName:str resource:str! divisor:qty }
KeySelector { name:str key:str! optional:bool }
EnvVarSource { fieldRef:ObjectFieldSelector~ resourceFieldRef:ResourceFieldSelector~
  configMapKeyRef:KeySelector~ secretKeyRef:KeySelector~ }
EnvVar { name:str! value:str valueFrom:EnvVarSource }
EnvSource { name:str optional:bool }
EnvFromSource { prefix:str configMapRef:EnvSource secretRef:EnvSource }
ResourceRequirements { limits:{qty} requests:{qty} claims:[any] }
VolumeMount { name:str! readOnly:bool mountPath:str! subPath:str subPathExpr:str
  mountPropagation:str recursiveReadOnly:str }
VolumeDevice { name:str! devicePath:str! }
HTTPHeader { name:str! value:str! }
ExecAction { command:[str] }
HTTPGetAction { path:str="/" port:ios! host:str scheme:str="HTTP" httpHeaders:[HTTPHeader] }
TCPSocketAction { port:ios! host:str }
GRPCAction { port:int! service:str="" }
SleepAction { seconds:int! }
Probe { exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction grpc:GRPCAction
  initialDelaySeconds:int timeoutSeconds:int=1 periodSeconds:int=10 successThreshold:int=1
  failureThreshold:int=3 terminationGracePeriodSeconds:int }
LifecycleHandler { exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction
  sleep:SleepAction }
Lifecycle { postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:str }
Capabilities { add:[str] drop:[str] }
SELinuxOptions { user:str role:str type:str level:str }
SeccompProfile { type:str! localhostProfile:str }
SecurityContext { capabilities:Capabilities privileged:bool seLinuxOptions:SELinuxOptions
  runAsUser:int runAsGroup:int runAsNonRoot:bool readOnlyRootFilesystem:bool
  allowPrivilegeEscalation:bool procMount:str seccompProfile:SeccompProfile
  appArmorProfile:SeccompProfile windowsOptions:any }
Container { name:str! image:str command:[str] args:[str] workingDir:str
  ports:[ContainerPort]@containerPort,protocol envFrom:[EnvFromSource] env:[EnvVar]@name
  resources:ResourceRequirements={} resizePolicy:[any] restartPolicy:str
  volumeMounts:[VolumeMount]@mountPath volumeDevices:[VolumeDevice]@devicePath
  livenessProbe:Probe readinessProbe:Probe startupProbe:Probe lifecycle:Lifecycle
  terminationMessagePath:str="/dev/termination-log" terminationMessagePolicy:str="File"
  imagePullPolicy:str securityContext:SecurityContext stdin:bool stdinOnce:bool tty:bool }
)";

constexpr std::string_view kPodTable = R"(
KeyToPath { key:str! path:str! mode:int }
ConfigMapVolumeSource { name:str items:[KeyToPath] defaultMode:int=420 optional:bool }
SecretVolumeSource { secretName:str items:[KeyToPath] defaultMode:int=420 optional:bool }
EmptyDirVolumeSource { medium:str sizeLimit:qty }
PVCVolumeSource { claimName:str! readOnly:bool }
DownwardAPIFile { path:str! fieldRef:ObjectFieldSelector~ resourceFieldRef:ResourceFieldSelector~
  mode:int }
DownwardAPIVolumeSource { items:[DownwardAPIFile] defaultMode:int=420 }
ConfigMapProjection { name:str items:[KeyToPath] optional:bool }
DownwardAPIProjection { items:[DownwardAPIFile] }
ServiceAccountTokenProjection { audience:str expirationSeconds:int=3600 path:str! }
VolumeProjection { secret:ConfigMapProjection configMap:ConfigMapProjection
  downwardAPI:DownwardAPIProjection serviceAccountToken:ServiceAccountTokenProjection }
ProjectedVolumeSource { sources:[VolumeProjection] defaultMode:int=420 }
HostPathVolumeSource { path:str! type:str="" }
EphemeralVolumeSource { volumeClaimTemplate:any }
Volume { name:str! configMap:ConfigMapVolumeSource secret:SecretVolumeSource
  emptyDir:EmptyDirVolumeSource persistentVolumeClaim:PVCVolumeSource
  downwardAPI:DownwardAPIVolumeSource projected:ProjectedVolumeSource
  hostPath:HostPathVolumeSource ephemeral:EphemeralVolumeSource csi:any }
Sysctl { name:str! value:str! }
PodSecurityContext { seLinuxOptions:SELinuxOptions runAsUser:int runAsGroup:int runAsNonRoot:bool
  supplementalGroups:[int] supplementalGroupsPolicy:str fsGroup:int sysctls:[Sysctl]
  fsGroupChangePolicy:str seccompProfile:SeccompProfile appArmorProfile:SeccompProfile
  windowsOptions:any }
NodeSelectorTerm { matchExpressions:[LabelSelectorRequirement]
  matchFields:[LabelSelectorRequirement] }
NodeSelector { nodeSelectorTerms:[NodeSelectorTerm]! }
PreferredSchedulingTerm { weight:int! preference:NodeSelectorTerm! }
NodeAffinity { requiredDuringSchedulingIgnoredDuringExecution:NodeSelector~
  preferredDuringSchedulingIgnoredDuringExecution:[PreferredSchedulingTerm] }
PodAffinityTerm { labelSelector:LabelSelector~ namespaces:[str] topologyKey:str!
  namespaceSelector:LabelSelector~ matchLabelKeys:[str] mismatchLabelKeys:[str] }
WeightedPodAffinityTerm { weight:int! podAffinityTerm:PodAffinityTerm! }
PodAffinity { requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
  preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm] }
Affinity { nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAffinity }
Toleration { key:str operator:str value:str effect:str tolerationSeconds:int }
HostAlias { ip:str! hostnames:[str] }
PodDNSConfigOption { name:str value:str }
PodDNSConfig { nameservers:[str] searches:[str] options:[PodDNSConfigOption] }
PodReadinessGate { conditionType:str! }
TopologySpreadConstraint { maxSkew:int! topologyKey:str! whenUnsatisfiable:str!
  labelSelector:LabelSelector~ minDomains:int nodeAffinityPolicy:str nodeTaintsPolicy:str
  matchLabelKeys:[str] }
PodSpec { volumes:[Volume]@name initContainers:[Container]@name containers:[Container]@name!
  ephemeralContainers:[any] restartPolicy:str="Always" terminationGracePeriodSeconds:int=30
  activeDeadlineSeconds:int dnsPolicy:str="ClusterFirst" nodeSelector:{str}~
  serviceAccountName:str serviceAccount:str automountServiceAccountToken:bool nodeName:str
  hostNetwork:bool hostPID:bool hostIPC:bool shareProcessNamespace:bool
  securityContext:PodSecurityContext={} imagePullSecrets:[LocalObjectReference]@name hostname:str
  subdomain:str affinity:Affinity schedulerName:str="default-scheduler" tolerations:[Toleration]
  hostAliases:[HostAlias]@ip priorityClassName:str priority:int dnsConfig:PodDNSConfig
  readinessGates:[PodReadinessGate] runtimeClassName:str enableServiceLinks:bool
  preemptionPolicy:str overhead:{qty}
  topologySpreadConstraints:[TopologySpreadConstraint]@topologyKey,whenUnsatisfiable
  setHostnameAsFQDN:bool os:any hostUsers:bool schedulingGates:[any] resourceClaims:[any]
  resources:ResourceRequirements }
PodTemplateSpec { metadata:ObjectMeta spec:PodSpec }
ContainerStateRunning { startedAt:time }
ContainerStateWaiting { reason:str message:str }
ContainerStateTerminated { exitCode:int! signal:int reason:str message:str startedAt:time
  finishedAt:time containerID:str }
ContainerState { waiting:ContainerStateWaiting running:ContainerStateRunning
  terminated:ContainerStateTerminated }
ContainerStatus { name:str! state:ContainerState lastState:ContainerState ready:bool
  restartCount:int image:str imageID:str containerID:str started:bool }
PodCondition { type:str! status:str! observedGeneration:int lastProbeTime:time
  lastTransitionTime:time reason:str message:str }
PodIP { ip:str! }
PodStatus { observedGeneration:int phase:str conditions:[PodCondition]@type message:str reason:str
  nominatedNodeName:str hostIP:str hostIPs:[PodIP] podIP:str podIPs:[PodIP]@ip startTime:time
  initContainerStatuses:[ContainerStatus] containerStatuses:[ContainerStatus] qosClass:str
  ephemeralContainerStatuses:[any] resize:str }
Pod { metadata:ObjectMeta spec:PodSpec! status:PodStatus={} }
)";

constexpr std::string_view kCoreTable = R"(
NamespaceSpec { finalizers:[str] }
NamespaceStatus { phase:str conditions:[Condition]@type }
Namespace { metadata:ObjectMeta spec:NamespaceSpec={} status:NamespaceStatus={} }
NodeAddress { type:str! address:str! }
NodeCondition { type:str! status:str! lastHeartbeatTime:time lastTransitionTime:time reason:str
  message:str }
Taint { key:str! value:str effect:str! timeAdded:time }
NodeSpec { podCIDR:str podCIDRs:[str]# providerID:str unschedulable:bool taints:[Taint] }
NodeStatus { capacity:{qty} allocatable:{qty} phase:str conditions:[NodeCondition]@type
  addresses:[NodeAddress]@type nodeInfo:any images:[any] daemonEndpoints:any }
Node { metadata:ObjectMeta spec:NodeSpec={} status:NodeStatus={} }
ConfigMap { metadata:ObjectMeta data:{str} binaryData:{b64} immutable:bool }
Secret { metadata:ObjectMeta data:{b64} stringData:{str} type:str="Opaque" immutable:bool }
ServiceAccount { metadata:ObjectMeta secrets:[ObjectReference]@name
  imagePullSecrets:[LocalObjectReference] automountServiceAccountToken:bool }
ServicePort { name:str protocol:str="TCP" appProtocol:str port:int! targetPort:ios nodePort:int }
ServiceSpec { ports:[ServicePort]@port,protocol selector:{str}~ clusterIP:str clusterIPs:[str]
  type:str="ClusterIP" externalIPs:[str] sessionAffinity:str="None" loadBalancerIP:str
  loadBalancerSourceRanges:[str] externalName:str externalTrafficPolicy:str healthCheckNodePort:int
  publishNotReadyAddresses:bool sessionAffinityConfig:any ipFamilies:[str] ipFamilyPolicy:str
  allocateLoadBalancerNodePorts:bool loadBalancerClass:str internalTrafficPolicy:str
  trafficDistribution:str }
ServiceStatus { loadBalancer:any={} conditions:[Condition]@type }
Service { metadata:ObjectMeta spec:ServiceSpec! status:ServiceStatus={} }
EndpointAddress { ip:str! hostname:str nodeName:str targetRef:ObjectReference~ }
EndpointPort { name:str port:int! protocol:str="TCP" appProtocol:str }
EndpointSubset { addresses:[EndpointAddress] notReadyAddresses:[EndpointAddress]
  ports:[EndpointPort] }
Endpoints { metadata:ObjectMeta subsets:[EndpointSubset] }
TypedLocalObjectReference { apiGroup:str kind:str! name:str! }
TypedObjectReference { apiGroup:str kind:str! name:str! namespace:str }
VolumeResources { limits:{qty} requests:{qty} }
PVCSpec { accessModes:[str] selector:LabelSelector~ resources:VolumeResources={} volumeName:str
  storageClassName:str volumeMode:str="Filesystem" dataSource:TypedLocalObjectReference~
  dataSourceRef:TypedObjectReference volumeAttributesClassName:str }
PVCCondition { type:str! status:str! lastProbeTime:time lastTransitionTime:time reason:str
  message:str }
PVCStatus { phase:str="Pending" accessModes:[str] capacity:{qty} conditions:[PVCCondition]@type
  allocatedResources:{qty} allocatedResourceStatuses:{str} currentVolumeAttributesClassName:str
  modifyVolumeStatus:any }
PersistentVolumeClaim { apiVersion:str kind:str metadata:ObjectMeta spec:PVCSpec!
  status:PVCStatus={} }
EventSource { component:str host:str }
EventSeries { count:int lastObservedTime:time }
Event { metadata:ObjectMeta involvedObject:ObjectReference! reason:str message:str
  source:EventSource firstTimestamp:time lastTimestamp:time count:int type:str eventTime:time
  series:EventSeries action:str related:ObjectReference reportingComponent:str
  reportingInstance:str }
)";

constexpr std::string_view kGroupTable = R"(
RollingUpdateStatefulSetStrategy { partition:int=0 maxUnavailable:ios }
StatefulSetUpdateStrategy { type:str="RollingUpdate"
  rollingUpdate:RollingUpdateStatefulSetStrategy }
PVCRetentionPolicy { whenDeleted:str="Retain" whenScaled:str="Retain" }
StatefulSetOrdinals { start:int=0 }
StatefulSetSpec { replicas:int=1 selector:LabelSelector~! template:PodTemplateSpec!
  volumeClaimTemplates:[PersistentVolumeClaim] serviceName:str
  podManagementPolicy:str="OrderedReady" updateStrategy:StatefulSetUpdateStrategy={}
  revisionHistoryLimit:int=10 minReadySeconds:int
  persistentVolumeClaimRetentionPolicy:PVCRetentionPolicy={} ordinals:StatefulSetOrdinals }
StatefulSetStatus { observedGeneration:int replicas:int=0 readyReplicas:int currentReplicas:int
  updatedReplicas:int currentRevision:str updateRevision:str collisionCount:int
  conditions:[Condition]@type availableReplicas:int }
StatefulSet { metadata:ObjectMeta spec:StatefulSetSpec! status:StatefulSetStatus={} }
ControllerRevision { metadata:ObjectMeta data:any revision:int! }
NetworkPolicyPort { protocol:str="TCP" port:ios endPort:int }
IPBlock { cidr:str! except:[str] }
NetworkPolicyPeer { podSelector:LabelSelector~ namespaceSelector:LabelSelector~ ipBlock:IPBlock }
NetworkPolicyIngressRule { ports:[NetworkPolicyPort] from:[NetworkPolicyPeer] }
NetworkPolicyEgressRule { ports:[NetworkPolicyPort] to:[NetworkPolicyPeer] }
NetworkPolicySpec { podSelector:LabelSelector~! ingress:[NetworkPolicyIngressRule]
  egress:[NetworkPolicyEgressRule] policyTypes:[str] }
NetworkPolicy { metadata:ObjectMeta spec:NetworkPolicySpec! }
PodDisruptionBudgetSpec { minAvailable:ios selector:LabelSelector~ maxUnavailable:ios
  unhealthyPodEvictionPolicy:str }
PodDisruptionBudgetStatus { observedGeneration:int disruptedPods:{time} disruptionsAllowed:int
  currentHealthy:int desiredHealthy:int expectedPods:int conditions:[Condition]@type }
PodDisruptionBudget { metadata:ObjectMeta spec:PodDisruptionBudgetSpec={}
  status:PodDisruptionBudgetStatus={} }
LeaseSpec { holderIdentity:str leaseDurationSeconds:int acquireTime:time renewTime:time
  leaseTransitions:int strategy:str preferredHolder:str }
Lease { metadata:ObjectMeta spec:LeaseSpec }
EventV1Series { count:int! lastObservedTime:time! }
EventV1 { metadata:ObjectMeta eventTime:time series:EventV1Series reportingController:str
  reportingInstance:str action:str reason:str regarding:ObjectReference related:ObjectReference
  note:str type:str deprecatedSource:EventSource deprecatedFirstTimestamp:time
  deprecatedLastTimestamp:time deprecatedCount:int }
EndpointConditions { ready:bool serving:bool terminating:bool }
Endpoint { addresses:[str]#! conditions:EndpointConditions hostname:str targetRef:ObjectReference
  nodeName:str zone:str deprecatedTopology:{str} hints:any }
SlicePort { name:str="" protocol:str="TCP" port:int appProtocol:str }
EndpointSlice { metadata:ObjectMeta addressType:str! endpoints:[Endpoint]! ports:[SlicePort] }
CustomResourceDefinition { metadata:ObjectMeta spec:any! status:any }
)";

// Turns the tables into schemas. A reference to another entry is resolved on first use; the tables
// have no cycles (Kubernetes has none either in the kinds offered).
class Tables {
 public:
  Tables() {
    for (std::string_view table :
         {kMetaTable, kContainerTable, kPodTable, kCoreTable, kGroupTable}) {
      read(table);
    }
  }

  SchemaPtr entry(std::string_view name) {
    const auto found = built_.find(name);
    if (found != built_.end()) return found->second;
    const auto text = entries_.find(name);
    NATRIX_ASSERT(text != entries_.end(), "the kind is in the tables of built-in kinds");
    SchemaPtr made = build(name, text->second);
    built_.emplace(std::string(name), made);
    return made;
  }

 private:
  static std::string_view next_word(std::string_view& text) {
    const size_t start = text.find_first_not_of(" \n");
    if (start == std::string_view::npos) {
      text = {};
      return {};
    }
    size_t end = text.find_first_of(" \n", start);
    if (end == std::string_view::npos) end = text.size();
    const std::string_view word = text.substr(start, end - start);
    text.remove_prefix(end);
    return word;
  }

  void read(std::string_view table) {
    for (std::string_view name = next_word(table); !name.empty(); name = next_word(table)) {
      const size_t open = table.find('{');
      const size_t close = table.find(" }\n", open);
      NATRIX_ASSERT(open != std::string_view::npos && close != std::string_view::npos,
                    "a table entry has braces");
      entries_.emplace(std::string(name), table.substr(open + 1, close - open - 1));
      table.remove_prefix(close + 2);
    }
  }

  SchemaPtr build(std::string_view name, std::string_view text) {
    auto schema = std::make_shared<Schema>();
    schema->shape = Shape::kObject;
    schema->type_name = name;
    schema->builtin = true;
    for (std::string_view word = next_word(text); !word.empty(); word = next_word(text)) {
      const size_t colon = word.find(':');
      NATRIX_ASSERT(colon != std::string_view::npos, "a table field is name:type");
      const std::string field(word.substr(0, colon));
      bool required = false;
      SchemaPtr type = read_type(word.substr(colon + 1), required);
      if (required) schema->required.push_back(field);
      schema->fields.emplace_back(field, std::move(type));
    }
    return schema;
  }

  // A type with its suffixes.
  SchemaPtr read_type(std::string_view text, bool& required) {
    std::optional<Json> default_value;
    if (const size_t equals = text.find('='); equals != std::string_view::npos) {
      default_value = Json::parse(text.substr(equals + 1));
      text = text.substr(0, equals);
    }
    bool atomic = false;
    for (; text.back() == '!' || text.back() == '~'; text.remove_suffix(1)) {
      (text.back() == '!' ? required : atomic) = true;
    }
    SchemaPtr bare = read_bare(text);
    if (!default_value && !atomic) return bare;
    auto changed = std::make_shared<Schema>(*bare);
    changed->default_value = std::move(default_value);
    changed->atomic = atomic;
    return changed;
  }

  SchemaPtr read_bare(std::string_view text) {
    if (text.front() == '[') return read_list(text);
    if (text.front() == '{') {
      auto map = std::make_shared<Schema>();
      map->shape = Shape::kMap;
      map->builtin = true;
      map->element = read_bare(text.substr(1, text.size() - 2));
      return map;
    }
    if (text.front() >= 'A' && text.front() <= 'Z') return entry(text);
    return scalar(text);
  }

  SchemaPtr read_list(std::string_view text) {
    const size_t close = text.rfind(']');
    auto list = std::make_shared<Schema>();
    list->shape = Shape::kList;
    list->builtin = true;
    list->element = read_bare(text.substr(1, close - 1));
    std::string_view suffix = text.substr(close + 1);
    if (suffix == "#") {
      list->list = ListKind::kSet;
    } else if (!suffix.empty()) {
      list->list = ListKind::kMap;
      suffix.remove_prefix(1);
      for (size_t comma = 0; comma != std::string_view::npos;) {
        comma = suffix.find(',');
        list->list_keys.emplace_back(suffix.substr(0, comma));
        suffix = suffix.substr(comma == std::string_view::npos ? suffix.size() : comma + 1);
      }
    }
    return list;
  }

  static SchemaPtr scalar(std::string_view text) {
    static const std::map<std::string_view, std::pair<Shape, const char*>> kScalars = {
        {"str", {Shape::kString, ""}},
        {"int", {Shape::kInteger, ""}},
        {"bool", {Shape::kBoolean, ""}},
        {"num", {Shape::kNumber, ""}},
        {"qty", {Shape::kString, "quantity"}},
        {"ios", {Shape::kIntOrString, ""}},
        {"time", {Shape::kString, "date-time"}},
        {"b64", {Shape::kString, "byte"}},
        {"any", {Shape::kAny, ""}},
    };
    const auto found = kScalars.find(text);
    NATRIX_ASSERT(found != kScalars.end(), "a table field has a known type");
    auto schema = std::make_shared<Schema>();
    schema->shape = found->second.first;
    schema->format = found->second.second;
    schema->builtin = true;
    schema->preserve_unknown = schema->shape == Shape::kAny;
    return schema;
  }

  std::map<std::string, std::string_view, std::less<>> entries_;
  std::map<std::string, SchemaPtr, std::less<>> built_;
};

}  // namespace

SchemaPtr builtin_schema(std::string_view kind) {
  static std::mutex mutex;
  static Tables tables;
  const std::lock_guard lock(mutex);
  return tables.entry(kind);
}

}  // namespace natrix::memory_api
