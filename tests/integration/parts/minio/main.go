// The MinIO server; and `replicate`, which lets one bucket of it be replicated to another MinIO: a remote target is
// set by the admin API alone, whose bodies are encrypted with the administrator's secret.
//
//	minio replicate HOST:PORT BUCKET PEER_HOST:PORT PEER_BUCKET     login: MINIO_ROOT_USER, MINIO_ROOT_PASSWORD
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/minio/madmin-go/v3"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/replication"
	server "github.com/minio/minio/cmd"
)

func replicate(address, bucket, peer, peerBucket string) error {
	user, secret := os.Getenv("MINIO_ROOT_USER"), os.Getenv("MINIO_ROOT_PASSWORD")
	ctx := context.Background()
	admin, err := madmin.New(address, user, secret, false)
	if err != nil {
		return err
	}
	arn, err := admin.SetRemoteTarget(ctx, bucket, &madmin.BucketTarget{
		SourceBucket: bucket,
		Endpoint:     peer,
		Credentials:  &madmin.Credentials{AccessKey: user, SecretKey: secret},
		TargetBucket: peerBucket,
		Type:         madmin.ReplicationService,
		API:          "s3v4",
		Path:         "on",
	})
	if err != nil {
		return err
	}
	client, err := minio.New(address, &minio.Options{Creds: credentials.NewStaticV4(user, secret, "")})
	if err != nil {
		return err
	}
	var config replication.Config
	err = config.AddRule(replication.Options{
		Op: replication.AddOption, ID: "all", RuleStatus: "enable", Priority: "1", DestBucket: arn,
		ReplicateDeletes: "enable", ReplicateDeleteMarkers: "enable", ReplicaSync: "enable",
		ExistingObjectReplicate: "enable",
	})
	if err != nil {
		return err
	}
	return client.SetBucketReplication(ctx, bucket, config)
}

func main() {
	if len(os.Args) == 6 && os.Args[1] == "replicate" {
		if err := replicate(os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	server.Main(os.Args)
}
