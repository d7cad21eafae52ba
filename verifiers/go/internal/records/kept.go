package records

import (
	"clyra.dev/verify/internal/defjson"
)

func commitments(root, data defjson.Value) Commitments {
	found := Commitments{map[string]string{}, map[string]bool{}}
	for name, value := range map[string]defjson.Value{
		"req":    root.Get("io").Get("req").Get("c"),
		"res":    root.Get("io").Get("res").Get("c"),
		"target": data.Get("target_c"),
	} {
		if value.Kind() == defjson.String {
			found.Fields[name] = value.Text()
		}
	}
	for _, digest := range root.Get("sd").Items() {
		found.SD[digest.Text()] = true
	}
	return found
}

func readConsume(root defjson.Value, place int64, ts string) Consume {
	act, data, appr := root.Get("act"), root.Get("data"), root.Get("appr")
	tenant := root.Get("agent").Get("tenant")
	consume := Consume{
		Seq: place, TS: ts, ID: appr.Get("id").Text(), Payload: data.Get("payload_sha256").Text(),
		Policy: root.Get("verdict").Get("policy_sha256").Text(), Op: act.Get("op").Text(),
		Method: act.Get("method").Text(), Target: act.Get("target").Text(), Tool: act.Get("tool").Text(),
		Host: act.Get("host").Text(), HasTool: act.Get("tool").Exists(), HasHost: act.Get("host").Exists(),
		Tenant: tenant.Text(), HasTenant: tenant.Exists(),
	}
	seen := map[string]bool{}
	listed := append([]defjson.Value{appr.Get("cert_sha256")}, data.Get("certificates").Items()...)
	for _, one := range listed {
		if digest := one.Text(); one.Exists() && !seen[digest] {
			seen[digest] = true
			consume.Certificates = append(consume.Certificates, digest)
		}
	}
	return consume
}
